"""What the steps ask of a chain: typed events, reads, and transactions.

Two implementations: :mod:`afterproof.chain.evm` over web3, and :mod:`afterproof.chain.memory` over the executable
specification. Addresses are 20 bytes, hashes 32 bytes, amounts wei, times unix seconds.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from afterproof.protocol.claims import Opening
from afterproof.protocol.header import BatchId
from afterproof.protocol.state import Claim, FaultKind
from afterproof.protocol.terms import Terms

from .event_types import (
    AheadChanged,
    Burned,
    ChainEvent,
    DemandExpired,
    EpochAnnounced,
    FaultProven,
    FuseBlown,
    GuardianChanged,
    LaneLeaving,
    LaneOpened,
    LaneRotated,
    Logged,
    Place,
    Posted,
    PostingPaused,
    PromiseBroken,
    StakeAdded,
    StakeWithdrawn,
    TileAnswered,
    TileDemanded,
    Withdrawn,
)
from .heartbeats import HeartbeatSender, ReporterState
from .reading import ChainReader
from .registry_events import (
    AttestationChallenged,
    AttestationPosted,
    AttestationProven,
    AttestationRejected,
    AttestationRetired,
    AttestationRevoked,
    BondReleased,
    BondsBurned,
    CertificateEnded,
    EvidenceAdded,
    MeasurementAllowed,
    MeasurementRevoked,
    NodeEndorsed,
    NodeRevoked,
    NonceOpened,
    OperatorChanged,
    OperatorProposed,
    RegistryEvent,
    RegistryWithdrawn,
    RevokerChanged,
)
from .registry_sending import RegistrySender
from .states import (
    Attestation,
    Block,
    Call,
    DemandState,
    Deployment,
    Landed,
    LaneState,
    Listener,
    Measurement,
    NodeState,
    Outcome,
    PauseState,
    Purpose,
    Sent,
)

__all__ = [
    "AheadChanged",
    "Attestation",
    "AttestationChallenged",
    "AttestationPosted",
    "AttestationProven",
    "AttestationRejected",
    "AttestationRetired",
    "AttestationRevoked",
    "Block",
    "BondReleased",
    "BondsBurned",
    "Burned",
    "Call",
    "CertificateEnded",
    "ChainEvent",
    "ChainReader",
    "ChainSender",
    "DemandExpired",
    "DemandState",
    "Deployment",
    "EpochAnnounced",
    "EvidenceAdded",
    "FaultProven",
    "FuseBlown",
    "GuardianChanged",
    "Landed",
    "LaneLeaving",
    "LaneOpened",
    "LaneRotated",
    "LaneState",
    "Listener",
    "Logged",
    "Measurement",
    "MeasurementAllowed",
    "MeasurementRevoked",
    "NodeEndorsed",
    "NodeRevoked",
    "NodeState",
    "NonceOpened",
    "OperatorChanged",
    "OperatorProposed",
    "Outcome",
    "PauseState",
    "Place",
    "Posted",
    "PostingPaused",
    "PromiseBroken",
    "Purpose",
    "RegistryEvent",
    "RegistryWithdrawn",
    "ReporterState",
    "RevokerChanged",
    "Sent",
    "StakeAdded",
    "StakeWithdrawn",
    "TileAnswered",
    "TileDemanded",
    "Withdrawn",
]


class ChainSender(ChainReader, RegistrySender, HeartbeatSender, Protocol):
    """A chain with an account to act from. Each call simulates, sends, and waits until the transaction landed.

    Raises:
        CallReverted: the contract refuses; nothing was sent, or it was sent and reverted.
        SendFailed: it could not be sent or did not land in time (it may land later: look at the state first).
        ChainUnavailable: the node does not answer.

    With ``dry_run`` the call is only simulated and the returned ``Landed`` has an empty ``tx_hash``.
    """

    account: bytes

    def tell(self, listener: Listener) -> None:
        """Have ``listener`` told of every transaction from now on, in place of who was told before."""
        ...

    def guard(self, may_act: Callable[[], None]) -> None:
        """Have ``may_act`` called just before each transaction is handed in; where it raises, nothing is sent.

        One that was handed in before is brought to its end without.
        """
        ...

    def post(
        self,
        lane: int,
        first_seq: int,
        count: int,
        oldest: int,
        newest: int,
        tile_roots: Sequence[bytes],
        data_uri: str,
        urgent: bool = False,
    ) -> Landed:
        """``Settlement.post``. ``urgent``: a promise is due soon, so it may cost more and is raised sooner."""
        ...

    def prove_fault(self, kind: FaultKind, claim: Claim, dry_run: bool = False) -> Landed:
        """``Settlement.proveFault``."""
        ...

    def open_lane(
        self, poster: bytes, promise_key: bytes, ahead: int, stake: int, dry_run: bool = False
    ) -> tuple[int, Landed]:
        """``Settlement.openLane``; the lane's number with it."""
        ...

    def top_up(self, lane: int, amount: int, dry_run: bool = False) -> Landed:
        """``Settlement.topUp``."""
        ...

    def withdraw(self, to: bytes, dry_run: bool = False) -> Landed:
        """``Settlement.withdraw``."""
        ...

    def rotate_lane(self, lane: int, poster: bytes, promise_key: bytes, dry_run: bool = False) -> Landed:
        """``Settlement.rotateLane``."""
        ...

    def set_ahead(self, lane: int, ahead: int, dry_run: bool = False) -> Landed:
        """``Settlement.setAhead``."""
        ...

    def apply_ahead(self, lane: int, dry_run: bool = False) -> Landed:
        """``Settlement.applyAhead``."""
        ...

    def exit_lane(self, lane: int, dry_run: bool = False) -> Landed:
        """``Settlement.exitLane``."""
        ...

    def withdraw_stake(self, lane: int, dry_run: bool = False) -> Landed:
        """``Settlement.withdrawStake``: to the owner's credit."""
        ...

    def release_cover(self, lane: int, max_batches: int, dry_run: bool = False) -> Landed:
        """``Settlement.releaseCover``."""
        ...

    def sweep_burned(self, lane: int, dry_run: bool = False) -> Landed:
        """``Settlement.sweepBurned``."""
        ...

    def demand_tile(
        self,
        batch: BatchId,
        tile: int,
        tile_root: bytes,
        path: Sequence[bytes],
        deposit: int,
        dry_run: bool = False,
    ) -> Landed:
        """``Settlement.demandTile``; ``path`` is the tile root's proof among the tile roots."""
        ...

    def answer_tile(
        self,
        batch: BatchId,
        tile: int,
        half: int,
        data: bytes,
        other: bytes,
        path: Sequence[bytes],
        dry_run: bool = False,
    ) -> Landed:
        """``Settlement.answerTile``: half 0 or 1 as packed leaves, with the root of the other half."""
        ...

    def expire_demand(self, batch: BatchId, tile: int, dry_run: bool = False) -> Landed:
        """``Settlement.expireDemand``."""
        ...

    def claim_missed(self, opening: Opening, first_seq: int, dry_run: bool = False) -> Landed:
        """``Settlement.claimMissed``; ``first_seq`` names the batch that holds the number, where one does."""
        ...

    def claim_omitted(
        self, opening: Opening, first_seq: int, other: bytes, path: Sequence[bytes], dry_run: bool = False
    ) -> Landed:
        """``Settlement.claimOmitted``; ``other`` is the hash of the leaf that stands there, ``path`` its proof."""
        ...

    def claim_double(self, first: Opening, second: Opening, first_seq: int, dry_run: bool = False) -> Landed:
        """``Settlement.claimDouble``."""
        ...

    def announce_epoch(
        self, terms: Terms, faults: Mapping[FaultKind, bytes], starts_at: int, dry_run: bool = False
    ) -> Landed:
        """``Settlement.announceEpoch``; ``faults`` as :meth:`ChainReader.fault_contracts` has them."""
        ...

    def pause_posting(self, seconds: int, dry_run: bool = False) -> Landed:
        """``Settlement.pausePosting``."""
        ...

    def set_guardian(self, guardian: bytes, dry_run: bool = False) -> Landed:
        """``Settlement.setGuardian``; zeros: nobody."""
        ...
