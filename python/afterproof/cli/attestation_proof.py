"""Proving a document on chain: hints, and as many transactions as it takes, told one by one."""

from collections.abc import Callable
from dataclasses import dataclass

from ..attestation.document import Document
from ..attestation.proof import Limits, paths, prove
from ..chain.base import Landed
from ..protocol.receipt import hex0x
from ..units import ether
from .output import note
from .session import Session

Say = Callable[[str], None]


@dataclass(frozen=True)
class Prepared:
    """What goes with the document, once the certificates before it are proven.

    ``sent``: their transactions. ``left``: how many a rehearsal only counted: the last step cannot be rehearsed then.
    """

    hints: bytes
    sent: tuple[Landed, ...]
    left: int = 0

    def with_last(self, landed: Landed) -> list[dict[str, object]]:
        """All transactions for programs, the document's last."""
        return [
            {
                "transaction": hex0x(each.tx_hash),
                "block": each.block,
                "gas": each.gas_used,
                "fee_wei": each.fee,
            }
            for each in (*self.sent, landed)
            if each.tx_hash
        ]


def teller(as_json: bool) -> Say:
    """Says how far long work is, on standard error; nothing to programs."""
    return (lambda _: None) if as_json else note


def prepared(
    session: Session, kind: int, document: Document, gas: int | None, dry_run: bool, say: Say
) -> Prepared:
    """Compute the hints, and prove the certificates that do not fit into the document's transaction.

    What was proven before, by anyone, is left out: a run that broke off goes on where it was.

    Raises:
        InvalidField: a signature does not verify, or ``gas`` is too little for the document alone.
        CallReverted, SendFailed, ChainUnavailable: as :class:`afterproof.chain.base.ChainSender`.
    """
    chain = session.sender
    chained = paths(document)
    known = chain.proven_certificates(kind, chained)
    say(f"{len(known)} of {len(chained)} certificates are proven already; computing hints for the rest")
    proof = prove(document, known, Limits(gas=gas or session.config.chain.transaction_gas))
    count, sent = len(proof.certificates), []
    for number, each in enumerate(proof.certificates, 1):
        landed = chain.prove_certificate(kind, each.der, each.parent, each.hints, dry_run)
        sent.append(landed)
        if dry_run:
            say(f"certificate 1 of {count} would take about {landed.gas_used:,} gas")
            return Prepared(proof.hints, tuple(sent), count)
        say(
            f"proved certificate {number} of {count} in block {landed.block} "
            f"({landed.gas_used:,} gas, {ether(landed.fee)}), transaction {hex0x(landed.tx_hash)}"
        )
    say(f"the document goes with {len(proof.hints):,} bytes of hints")
    return Prepared(proof.hints, tuple(sent))
