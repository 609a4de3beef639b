"""The command line: one file a command group.

app       the entry point: global options, errors as sentences, exit statuses
demo      demo, devnet                       roles    relayer, verifier, gateway
receipt   receipt show, verify               setup    init, keys new
promise   promise verify, claim              demand   have data shown on chain, and show it
attestation, attestation_report      attestation inspect, verify
attestation_post, _prove, _show      attestation post, prove, challenge, expire, show, list, retire, release
lane, lane_changes, node, credits            what operators do on chain
epoch, guardian                              what the owner and the guardian do
session   settings and chain of one run      values, options, output, files      what they share

Exit statuses: 0 done, 1 an error (a sentence on standard error), 2 a wrong command line, 130 interrupted by Ctrl-C.
To a relayer, verifier or gateway Ctrl-C and SIGTERM are how it is told to end: it finishes what it is at, and ends
with 0.
"""

from .app import main as main
