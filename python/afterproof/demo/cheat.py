"""A relayer that cheats, for the demo alone: nothing in the product can be told to do this.

It takes honest receipts in like any other, and slips three of its own among them, past its own judge: an answer
that was changed under its signature, an answer in another node's name, and one of a node that nobody registered.
Its batches come from the same builder as everybody's.

    python -m afterproof.demo.cheat --config relayer-2.toml
"""

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from .. import config, telemetry
from ..chain.address_file import load_deployment
from ..chain.sender import EvmSender
from ..keyfiles import account_key, promise_key
from ..node import run_relayer
from ..protocol.receipt import Scheme, SignedReceipt, keccak
from ..protocol.signing import Secp256k1Signer, scheme_of
from ..steps import Context
from ..steps.batch import close, next_receipts
from ..steps.finalise import finalise
from ..steps.post import post
from ..steps.watch import watch
from .accounts import DevelopmentKey

log = logging.getLogger("afterproof.demo.cheat")  # as a program its name is __main__

IMPOSTOR: Final = DevelopmentKey("impostor").signer
"""A key that the cheat has made for itself."""

Forgery = Callable[[Context, SignedReceipt], SignedReceipt]


def changed_answer(context: Context, honest: SignedReceipt) -> SignedReceipt:
    """An honest receipt with another answer under the signature that it had."""
    return replace(honest, receipt=replace(honest.receipt, response=keccak(b"another answer")))


def false_name(context: Context, honest: SignedReceipt) -> SignedReceipt:
    """An answer that a registered node never gave, in its name, signed with the impostor's key."""
    receipt = replace(honest.receipt, node=_victim(context), response=keccak(b"never given"))
    own = IMPOSTOR.sign(replace(receipt, node=IMPOSTOR.node), context.domain)
    return replace(own, receipt=receipt)


def unregistered(context: Context, honest: SignedReceipt) -> SignedReceipt:
    """An answer of the impostor's, properly signed: but no registry knows it."""
    return IMPOSTOR.sign(replace(honest.receipt, node=IMPOSTOR.node), context.domain)


SLIPS: Final[tuple[tuple[int, Forgery], ...]] = ((20, changed_answer), (70, false_name), (90, unregistered))
"""Behind which receipts of the lane each forgery is slipped in."""


def cheat_batch(context: Context) -> bool:
    """A batch step that slips forgeries in, and asks no judge before it closes a batch."""
    for behind, forgery in SLIPS:
        _slip_in(context, behind, forgery)
    waiting = next_receipts(context)
    if not waiting or context.clock() - waiting[0].received_at < context.config.relayer.max_age:
        return False
    close(context, waiting[0].seq, [stored.leaf for stored in waiting], "nobody asked its judge")
    return True


def _slip_in(context: Context, behind: int, forgery: Forgery) -> None:
    """Slip one forgery in, made of the lane's receipt at number ``behind``: once, however often it is restarted."""
    receipts = context.store.receipts
    found = receipts.in_order(context.lane, behind, 1)
    if not found:
        return
    honest = SignedReceipt(found[0].leaf.receipt, found[0].scheme, found[0].leaf.signature, b"")
    forged = forgery(context, honest)
    with context.store.transaction():
        if receipts.find(forged.receipt) is None:
            (stored,) = receipts.add(context.lane, [(forged.leaf, forged.scheme)], context.now)
            log.info("slipped in %s at number %d", forgery.__name__.replace("_", " "), stored.seq)


def _victim(context: Context) -> bytes:
    """A registered node whose signatures are secp256k1."""
    for node in context.chain.nodes():
        key = context.store.registry.public_key(node)
        if key is not None and scheme_of(key) is Scheme.SECP256K1:
            return node
    raise LookupError("no node that signs with secp256k1 is registered")


@click.command()
@click.option("--config", "path", type=click.Path(path_type=Path), required=True)
def main(path: Path) -> None:
    """Run the cheating relayer."""
    telemetry.set_up()
    settings = config.load(path, os.environ)
    deployment = load_deployment(settings.chain.deployment)
    chain = EvmSender(settings.chain.rpc, deployment, account_key(settings.account), settings.chain.timeout)
    promiser = Secp256k1Signer(promise_key(settings))
    steps = (watch, cheat_batch, post, finalise)
    run_relayer(settings, chain, threading.Event(), steps, promiser)


if __name__ == "__main__":
    main()
