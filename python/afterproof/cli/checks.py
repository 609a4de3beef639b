"""What was found out about a receipt, and how it is told."""

from dataclasses import dataclass
from typing import Any, Final

from ..protocol.attestations import Assurance
from ..protocol.header import first_seq_of, lane_of, name_of
from ..protocol.receipt import SignedReceipt, hex0x
from ..protocol.state import Standing, VoidReason
from .lookup import Place
from .values import moment

_WHY: Final = {
    VoidReason.UNTIMELY: "it was posted too late, or before its time",
    VoidReason.NOT_ENTITLED: "its node was not live when it was posted",
    VoidReason.FAULTY: "a fault of it was proven",
    VoidReason.STRUCK: "its tile was struck: nobody showed it when asked to, or too many faults were proven",
}
_ASSURANCE: Final = {
    Assurance.NONE: "none: its node is not registered, or was not live",
    Assurance.ENDORSED: "endorsed: the registry's owner vouches for its node",
    Assurance.UNCHALLENGED: "unchallenged: its node was attested, and anybody may still ask for the proof",
    Assurance.PROVEN: "proven: the contract itself verified the evidence for its node",
}
_RISING: Final = (Standing.SIGNED, Standing.POSTED, Standing.FINAL)


@dataclass(frozen=True)
class Checks:
    """The signature (None: not checked), the place on chain (None: not found), and what the contract says of it."""

    signature: bool | None
    place: Place | None
    standing: Standing
    reason: VoidReason
    assurance: Assurance
    unread: tuple[str, ...] = ()

    def reach(self, least: Standing) -> bool:
        """Whether the receipt holds and stands at least so high."""
        return self.signature is True and self.standing in _RISING and self.standing >= least

    @property
    def final_at(self) -> int | None:
        """The first second at which it reads Final, as things stand."""
        if self.place is None or self.standing not in (Standing.POSTED, Standing.FINAL):
            return None
        return self.place.header.latest_end + 1

    def rows(self, signed: SignedReceipt) -> list[tuple[str, object]]:
        """Names and findings, for people."""
        rows: list[tuple[str, object]] = [
            ("signature", signature_text(self.signature)),
            ("assurance", _ASSURANCE[self.assurance]),
        ]
        if self.place is not None:
            batch, anchor = self.place.batch, self.place.header.anchor
            rows += [
                ("batch", f"{name_of(batch)}, posted {moment(anchor)}"),
                (
                    "place",
                    f"{self.place.index} of {self.place.header.count}, its proof leads to the root on chain",
                ),
            ]
        return [*rows, ("standing", self._standing(signed.receipt.issued_at))]

    def _standing(self, issued_at: int) -> str:
        name = self.standing.name.capitalize()
        if self.standing is Standing.VOIDED:
            return f"{name}: {_WHY.get(self.reason, 'it is the empty leaf')}"
        if self.final_at is None:
            return f"{name}: it is in no batch that could be found" if self.signature else name
        gap = f"{self.final_at - issued_at} s after the answer"
        return (
            f"{name} since {moment(self.final_at)}, {gap}"
            if self.standing is Standing.FINAL
            else (f"{name}, final at {moment(self.final_at)} unless a fault is proven, {gap}")
        )

    def to_json(self, signed: SignedReceipt) -> dict[str, Any]:
        """The findings, for programs."""
        found: dict[str, Any] = {
            "signature_valid": self.signature,
            "standing": self.standing.name,
            "void_reason": self.reason.name if self.reason else None,
            "assurance": self.assurance.name,
            "inclusion": None,
            "final_at": self.final_at,
            "gap_seconds": self.final_at - signed.receipt.issued_at if self.final_at is not None else None,
        }
        if self.place is not None:
            found["inclusion"] = {
                "batch": hex0x(self.place.batch.to_bytes(32)),
                "lane": lane_of(self.place.batch),
                "first_seq": first_seq_of(self.place.batch),
                "index": self.place.index,
                "count": self.place.header.count,
                "anchor": self.place.header.anchor,
                "proof": [hex0x(node) for node in self.place.proof],
            }
        return found


def signature_text(holds: bool | None) -> str:
    """A signature's state, for people."""
    if holds is None:
        return "not checked: it needs the deployment's address file (chain.deployment)"
    return "valid" if holds else "DOES NOT VERIFY under the key that the receipt names"
