"""The command line: one file a command group.

app       the entry point: global options, errors as sentences, exit statuses
demo      demo, devnet                       roles    relayer, verifier, gateway
receipt   receipt show, verify               setup    init, keys new
lane, node, credits                          what operators do on chain
session   settings and chain of one run      values, options, output, keyfiles   what they share

Exit statuses: 0 done, 1 an error (a sentence on standard error), 2 a wrong command line, 130 Ctrl-C.
"""

from .app import main as main
