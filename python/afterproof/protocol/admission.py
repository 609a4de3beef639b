"""What a relayer asks of a receipt before it takes it: what the judge of posted leaves will ask, and a little more."""

from collections.abc import Callable
from dataclasses import dataclass

from .attestations import NodeRecord
from .judge import Accept, Dispute, Judge
from .receipt import ZERO, Domain, SignedReceipt
from .signing import key_of
from .state import VoidReason
from .terms import Terms


@dataclass(frozen=True, slots=True)
class Refused:
    """A receipt is not of the form, or (``by_rule``) breaks a rule of the protocol; nothing of it was stored."""

    field: str
    rule: str
    by_rule: bool = True


class Admission:
    """The rules of one moment: ``now`` by the relayer's clock, ``anchor`` by the chain's, if it were posted at once.

    ``oldest`` is the least issuedAt that can still be posted in time; ``nodes`` gives the registry's records.
    """

    def __init__(
        self,
        terms: Terms,
        now: int,
        anchor: int,
        oldest: int,
        nodes: Callable[[bytes], NodeRecord | None],
        domain: Domain,
    ) -> None:
        self._now = now
        self._oldest = oldest
        self._youngest = now + terms.max_clock_skew
        self._nodes = nodes
        self._judge = Judge(anchor, anchor, terms, nodes, domain)

    def refusal(self, signed: SignedReceipt) -> Refused | None:
        """The first rule that a receipt breaks, or None."""
        receipt = signed.receipt
        if receipt.issued_at < self._oldest:
            return Refused(
                "receipt.issuedAt",
                f"is too long ago: the oldest that can be posted in time is {self._oldest}",
            )
        if receipt.issued_at > self._youngest:
            return Refused("receipt.issuedAt", f"is in the future: it is {self._now} now")
        key = key_of(signed.public_key)
        if key is None:
            return Refused("publicKey", "is of no known signature scheme")
        if key.scheme is not signed.scheme:
            return Refused("scheme", f"must be {key.scheme}, which is what publicKey is for")
        if key.node != receipt.node:
            return Refused("publicKey", "does not hash to receipt.node")
        if receipt.model != ZERO or receipt.evidence != ZERO:
            name = "model" if receipt.model != ZERO else "evidence"
            return Refused(f"receipt.{name}", "must be zero: no model has a manifest yet")
        verdict = self._judge.verdict(signed.leaf)
        if isinstance(verdict, Accept):
            return None
        if self._nodes(receipt.node) is None:
            return Refused("receipt.node", "is not registered")
        if isinstance(verdict, Dispute):
            return Refused("signature", "does not verify under publicKey")
        if verdict.rule is VoidReason.NOT_ENTITLED:
            return Refused("receipt.node", "is not live now: its registration has ended or not yet begun")
        return Refused("receipt.issuedAt", "is not timely by the chain's clock")
