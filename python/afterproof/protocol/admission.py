"""What a relayer asks of a receipt before it takes it: what the judge of posted leaves will ask, and a little more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .arrays import Handed, digests
from .attestations import NodeRecord
from .batching import is_timely
from .judge import Accept, Dispute, Judge
from .receipt import ZERO, Domain, SignedReceipt
from .signing import NodeKey, forged, key_of
from .state import VoidReason
from .terms import Terms


@dataclass(frozen=True, slots=True)
class Refused:
    """A receipt is not of the form, or (``by_rule``) breaks a rule of the protocol; nothing of it was stored."""

    field: str
    rule: str
    by_rule: bool = True


_FORGED = Refused("signature", "does not verify under publicKey")


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
        self._anchor = anchor
        self._terms = terms
        self._nodes = nodes
        self._domain = domain
        self._judge = Judge(anchor, anchor, terms, nodes, domain)

    def refusals(self, handed: Handed, hashes: Sequence[bytes]) -> dict[int, Refused]:
        """The first rule that a receipt breaks, by its place, for each that breaks one; ``hashes``: the receipts'.

        What holds for a key is asked once for all of its receipts, and no signature is looked at twice.
        """
        found: dict[int, Refused] = {}
        for public_key, places in _by_key(handed.public_keys).items():
            key = key_of(public_key)
            mine = handed.at(places)
            suspects = range(len(places)) if key is None else self._suspects(key, mine)
            found |= {places[i]: why for i in suspects if (why := self._refusal(mine.receipt(i))) is not None}
            if key is None or len(suspects) == len(places):
                continue
            if suspects:  # each of them has had its answer
                passed = set(suspects)
                places = [place for i, place in enumerate(places) if i not in passed]
                mine = handed.at(places)
            names = hashes if mine is handed else [hashes[place] for place in places]
            messages = digests(key.scheme, mine.words, names, self._domain)
            found |= dict.fromkeys([places[i] for i in forged(key, messages, mine.signatures)], _FORGED)
        return found

    def _suspects(self, key: NodeKey, handed: Handed) -> Sequence[int]:
        """Those of one key's receipts that break a rule before their signature is looked at, as it seems."""
        node = self._nodes(key.node)
        is_live = node is not None and node.was_live(self._anchor, self._anchor)
        if not is_live or handed.schemes.count(key.scheme) < len(handed.schemes):
            return range(len(handed.words))
        head, zero = key.node + ZERO, ZERO
        suspects = [i for i, words in enumerate(handed.words) if words[:64] != head or words[128:160] != zero]
        untimely = {time for time in set(handed.times) if not self._is_timely(time)}
        if untimely:
            suspects = sorted({*suspects, *(i for i, time in enumerate(handed.times) if time in untimely)})
        return suspects

    def _is_timely(self, time: int) -> bool:
        return self._oldest <= time <= self._youngest and is_timely(time, self._anchor, self._terms)

    def _refusal(self, signed: SignedReceipt) -> Refused | None:
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
            return _FORGED
        if verdict.rule is VoidReason.NOT_ENTITLED:
            return Refused("receipt.node", "is not live now: its registration has ended or not yet begun")
        return Refused("receipt.issuedAt", "is not timely by the chain's clock")


def _by_key(public_keys: Sequence[bytes]) -> dict[bytes, Sequence[int]]:
    """The places of each key's receipts, in order."""
    if not public_keys:
        return {}
    if public_keys.count(public_keys[0]) == len(public_keys):
        return {public_keys[0]: range(len(public_keys))}
    places: dict[bytes, list[int]] = {}
    for place, key in enumerate(public_keys):
        places.setdefault(key, []).append(place)
    return dict(places)
