"""The story, one verb a file:

    answer -> receipt -> intake -> batch -> post -> watch -> check -> dispute | finalise -> query

Beside it stand entrust and claim: promises that a verifier watches for their holders; attest: nodes get into the
registry by documents, and verifiers look at those; beat, the nodes' signs of life; and funds: what a relayer holds, and
how long that will last. What check cannot do alone, compare does (receipts that stand twice), and demand and answer
(data that is withheld); tidy lets go of it.

A step reads the store and the chain, asks :mod:`afterproof.protocol`, and acts; in a dry run it only says so, once
(:mod:`.rehearse`). What it has of a batch is on its :mod:`.shelf`; where several processes share a store, each takes
its :mod:`.turns`. Steps never import each other: they meet in the store. A step that is part of a role's loop takes a
:class:`Context` and answers whether there is more to do at once. It may be cut off anywhere and called again: each
looks at what is there before it acts.
"""

from .context import Context as Context
from .context import Step as Step
