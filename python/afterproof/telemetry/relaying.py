"""The figures of a relayer: what comes in, what becomes of it, and how much room is left."""

from collections.abc import Mapping
from typing import Final

from ..protocol.receipt import Scheme
from .declaring import SLOW, Declare

RULES: Final[Mapping[str, str]] = {
    "receipt.issuedAt": "issued_at",
    "publicKey": "public_key",
    "scheme": "scheme",
    "receipt.node": "node",
    "receipt.model": "model",
    "receipt.evidence": "evidence",
    "signature": "signature",
}
"""What intake may find at fault with a receipt that is of the form, and the label of it."""

OTHER_RULES: Final = ("form", "full", "unready", "other")
REASONS: Final = ("full", "due", "asked", "aged", "other")
"""Why a batch was closed: it is full, a promise falls due, it was asked for, its oldest receipt is old."""

_GAPS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 16_384, 65_536, 262_144, 1_048_576)
_MARGINS: Final = (0, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 21_600)
_SIZES: Final = (1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)


class Intake:
    """Receipts as they come in. Counted once a group, not once a receipt: this path is the one that must be fast."""

    def __init__(self, declare: Declare) -> None:
        accepted = declare.counter(
            "receipts_accepted", "Receipts that got their place and are on disk, by scheme.", scheme=Scheme
        )
        self._accepted = {scheme: accepted.labels(scheme.value) for scheme in Scheme}
        self.repeated = declare.counter(
            "receipts_repeated", "Receipts that were there already, and got their first answer again."
        )
        self._refused = declare.counter(
            "receipts_refused",
            "Receipts that were not taken, by the rule they break; form: they are none; full, unready: not now.",
            rule=(*RULES.values(), *OTHER_RULES),
        )
        self.promises = declare.counter(
            "promises_signed", "Promises that were given, one for each request and beneficiary."
        )
        self.promised = declare.counter("receipts_promised", "Receipts that were promised their place.")
        self.queue = declare.gauge(
            "intake_queue_receipts", "Receipts that were handed in and wait to be judged and stored."
        )

    def accept(self, schemes: Mapping[Scheme, int]) -> None:
        """Receipts were taken: how many of each scheme."""
        for scheme, count in schemes.items():
            self._accepted[scheme].inc(count)

    def refuse(self, field: str, by_rule: bool = True) -> None:
        """A receipt was refused for ``field``: by a rule of the protocol, or because it is not of the form."""
        self._refused.labels(RULES.get(field, "other") if by_rule else "form").inc()

    def put_off(self, why: str) -> None:
        """A receipt was not taken now: ``full`` or ``unready``."""
        self._refused.labels(why if why in OTHER_RULES else "other").inc()

    def promise(self, receipts: int) -> None:
        """A promise of that many receipts was given."""
        self.promises.inc()
        self.promised.inc(receipts)


class Line:
    """A relayer's batches, from their closing to finality."""

    def __init__(self, declare: Declare) -> None:
        self.emptied = declare.counter(
            "receipts_emptied",
            "Accepted receipts whose place the empty leaf took, because a verifier would dispute them.",
        )
        self._closed = declare.counter(
            "batches_closed",
            "Batches that were built and published, by why they were closed.",
            reason=REASONS,
        )
        self._size = declare.histogram("batch_receipts", "Receipts of each batch that was closed.", _SIZES)
        self.posting = declare.histogram(
            "post_duration_seconds", "From the sending of a post to its landing.", SLOW
        )
        self.post_failures = declare.counter("post_failures", "Posts that were refused or failed.")
        self.posted = declare.counter(
            "batches_posted",
            "Own batches seen on chain; one that a reorganisation took counts anew once back.",
        )
        self.leaves = declare.counter("leaves_posted", "Leaves of these batches.")
        self.late = declare.counter(
            "batches_late", "Own batches that landed after the least includeBy of their promises."
        )
        self.closed_to_posted = declare.spread(
            "closed_to_posted_seconds",
            "From a batch's closing to the time of the block that it landed in.",
            SLOW,
        )
        self.margin = declare.spread(
            "promise_deadline_margin_seconds",
            "From a batch's landing to the least includeBy of its promises; 0 where it was late.",
            _MARGINS,
        )
        self.gap = declare.spread(
            "trust_gap_seconds",
            "From issuedAt until a receipt was posted, or final; void and empty leaves are left out.",
            _GAPS,
            "until",
            ("posted", "final"),
        )
        self.final = declare.counter("batches_final", "Own batches that were seen to be final.")
        self.heartbeats = declare.counter("heartbeats_reported", "Heartbeats that were reported on chain.")

    def close(self, reason: str, receipts: int) -> None:
        """A batch was closed; any ``reason`` that is not of :data:`REASONS` counts as other."""
        self._closed.labels(reason if reason in REASONS else "other").inc()
        self._size.observe(receipts)


class Room:
    """What waits, what is due, and what the lane may still do, as it was last looked at."""

    def __init__(self, declare: Declare) -> None:
        self.waiting = declare.gauge("receipts_waiting", "Accepted receipts that are in no batch yet.")
        self.unposted = declare.gauge(
            "receipts_unposted", "Accepted receipts that are not on chain yet, those waiting included."
        )
        self.unposted_batches = declare.gauge("batches_unposted", "Closed batches that are not on chain yet.")
        self.oldest_unposted = declare.level(
            "oldest_unposted_timestamp_seconds",
            "When the oldest receipt came in that is not on chain yet; NaN: there is none.",
        )
        self.deadline = declare.level(
            "promise_deadline_timestamp_seconds",
            "The least includeBy of all promises that are not on chain yet; NaN: there is none.",
        )
        self.promisable = declare.level(
            "promisable_receipts",
            "Receipts that may be promised before more must be posted; NaN: the lane promises nothing.",
        )
        self.stake = declare.level("lane_stake_ether", "The lane's stake.")
        self.cover = declare.level(
            "lane_cover_ether", "What the lane must hold for its open and promised receipts now."
        )
        self.free_stake = declare.level(
            "lane_free_stake_ether", "The stake beyond that; below zero, posts wait for finality."
        )
