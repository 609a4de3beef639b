"""A posted batch of OpenGradient's scheme, for what is measured on a verifier. The chain is in memory."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from afterproof.chain.memory import MemoryChain
from afterproof.config import Config
from afterproof.data import Archive, Data
from afterproof.protocol.batching import build_batch, declared_range
from afterproof.protocol.judging import Posting
from afterproof.protocol.receipt import ZERO, Domain, Leaf, Receipt, Scheme, digest, keccak
from afterproof.protocol.signing import RsaPssSigner, pkcs8_signer
from afterproof.protocol.terms import ETHER, PRODUCTION
from afterproof.running import Runner
from afterproof.running.tiles import TileJudge
from afterproof.steps import Context
from afterproof.steps.watch import watch
from afterproof.store import Store
from afterproof.store.batches import PostedBatch
from benchmarks.figure import BenchmarkError

OWNER, RELAYER = bytes([1]) * 20, bytes([2]) * 20
DISTINCT: Final = 4_096
"""Receipts that are signed; a larger batch has them again and again, each judged for itself."""


@dataclass(frozen=True)
class Stage:
    """A verifier that knows the chain and has the batch in its archive, not judged; and what was signed how."""

    context: Context
    posted: PostedBatch
    key: rsa.RSAPublicKey
    signed: list[tuple[bytes, bytes]]

    def check(self, runner: Runner) -> None:
        """Read the batch from the disk and judge every leaf of it."""
        context, posted = self.context, self.posted
        epoch, cursor = context.store.registry.epoch(posted.header.epoch), context.store.chain.cursor()
        assert epoch is not None and cursor is not None
        judge = TileJudge(
            runner,
            Posting(posted.id, posted.header, posted.tile_roots, epoch.terms),
            lambda tile: posted.header.window_end,
            lambda node: context.store.registry.node(node, cursor.timestamp, posted.header.anchor),
            context.domain,
        )
        with context.data.archive.kept(posted.id, posted.header, posted.tile_roots) as kept:
            accepted = sum(found.accepted for found in judge.sound(kept.candidates()))
        if accepted != posted.header.count:
            raise BenchmarkError(f"{accepted} of {posted.header.count} good receipts were accepted")


@contextmanager
def a_batch(folder: Path, count: int) -> Iterator[Stage]:
    """A posted batch of ``count`` receipts."""
    chain = MemoryChain(OWNER, PRODUCTION, balances={RELAYER: 10_000 * ETHER})
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    signer = RsaPssSigner(private)
    chain.account_view(OWNER).endorse(signer.public_key, RELAYER)
    relayer = chain.account_view(RELAYER)
    lane, _ = relayer.open_lane(RELAYER, RELAYER, 0, 9_000 * ETHER)
    chain.mine(60)
    leaves = _signed(private, signer.node, min(count, DISTINCT), chain.now, chain.domain)
    batch = build_batch(lane, 0, (leaves * (count // len(leaves) + 1))[:count])
    archive = Archive(folder / "archive")
    with archive.draft() as draft:
        draft.write(batch.data)
        archive.adopt(batch.id, draft)
    oldest, newest = declared_range(leaves, chain.now, PRODUCTION)
    relayer.post(lane, 0, count, oldest, newest, batch.tree.tile_roots, "https://data.example/")
    with closing(Store.open(folder / "verifier.sqlite3", chain.deployment, "verifier")) as store:
        context = Context(relayer, store, Config(), Data(archive=archive), lambda: chain.now)
        while watch(context):
            pass
        posted = store.batches.posted(batch.id)
        assert posted is not None
        domain = chain.domain
        signed = [
            (leaf.signature, digest(leaf.receipt, Scheme.OPENGRADIENT_RSA_PSS, domain)) for leaf in leaves
        ]
        yield Stage(context, posted, private.public_key(), signed)


def _signed(private: rsa.RSAPrivateKey, node: bytes, count: int, now: int, domain: Domain) -> list[Leaf]:
    der = private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    parts = [range(at, min(at + 256, count)) for at in range(0, count, 256)]
    with ProcessPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        futures = [pool.submit(_sign, der, node, part, now, domain) for part in parts]
        return [leaf for future in futures for leaf in future.result()]


def _sign(der: bytes, node: bytes, numbers: range, now: int, domain: Domain) -> list[Leaf]:
    signer = pkcs8_signer(serialization.load_der_private_key(der, None))
    receipts = [
        Receipt(node, ZERO, keccak(b"request %d" % n), keccak(b"response %d" % n), ZERO, now - n % 60)
        for n in numbers
    ]
    return [signer.sign(receipt, domain).leaf for receipt in receipts]
