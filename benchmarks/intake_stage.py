"""A relayer on the in-memory chain by the clock on the wall: production's terms, a lane that may promise plenty."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from afterproof.chain.memory import MemoryChain
from afterproof.config import Config, RelayerConfig
from afterproof.data import Data, Directory
from afterproof.protocol.signing import Secp256k1Signer
from afterproof.protocol.terms import ETHER, PRODUCTION
from afterproof.steps import Context
from afterproof.steps.watch import watch
from afterproof.store import Store

OWNER, RELAYER = b"\x0f" * 20, b"\x01" * 20
PROMISER = Secp256k1Signer(b"\x05" * 32)
AHEAD = 4_000_000
MOST = 1_024_000
"""Receipts of a batch: as many as may be."""


def open_relayer(folder: Path, public_keys: Sequence[bytes]) -> Context:
    """A relayer's context on a new store in ``folder``; the nodes with ``public_keys`` are live."""
    chain = MemoryChain(OWNER, PRODUCTION, balances={RELAYER: 10_000 * ETHER}, now=int(time.time()) - 1000)
    owner = chain.account_view(OWNER)
    for key in public_keys:
        owner.endorse(key, RELAYER)
    account = chain.account_view(RELAYER)
    lane, _ = account.open_lane(RELAYER, PROMISER.address, AHEAD, 9_000 * ETHER)
    chain.mine(int(time.time()) - chain.view().now)
    # Nobody closes and posts batches here: what waits is one batch, or soon no promise could be kept.
    settings = RelayerConfig(
        lane=lane, store=folder / "relayer.sqlite3", data_dir=folder / "batches", max_batch=MOST
    )
    store = Store.open(folder / "relayer.sqlite3", chain.deployment, "relayer", exclusive=True)
    data = Data(own=Directory(folder / "batches", "http://relayer.test"))
    context = Context(account, store, replace(Config(), relayer=settings), data, promiser=PROMISER)
    watch(context)
    assert context.authority.ahead == AHEAD, context.authority
    return context
