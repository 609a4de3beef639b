"""The contract ``Heartbeats`` as a pure state machine, as far as a reporter meets it: bonding, reporting, being
challenged, answering, and losing. Leaving, and burning what was lost, are the contract's alone.

Checks stand in the contract's order, so that the same error is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from .heartbeat import KEPT_ROUNDS, WORD, heartbeat_digest, reportable_rounds, round_of
from .heartbeat_terms import HeartbeatTerms
from .outcome import Env, Revert
from .signing import node_of, verify_hash


@dataclass
class Challenge:
    """A doubt about one bit: whose, until when it can be answered, and what is held for it. Unix seconds, wei."""

    challenger: bytes
    deadline: int
    deposit: int
    answered: bool = False
    expired: bool = False


@dataclass
class Heartbeats:
    """The state. ``reported``: bitmaps by reporter and word, then by round. Amounts in wei."""

    terms: HeartbeatTerms
    bonds: dict[bytes, int] = field(default_factory=dict)
    reported: dict[tuple[bytes, int], dict[int, int]] = field(default_factory=dict)
    challenges: dict[tuple[bytes, int, int], Challenge] = field(default_factory=dict)
    credits: dict[bytes, int] = field(default_factory=dict)
    burned: int = 0

    def join(self, env: Env) -> None:
        """``join``: the bond grows by what is sent."""
        bond = self.bonds.get(env.sender, 0) + env.value
        if bond < self.terms.bond:
            raise Revert("BondTooSmall", bond, self.terms.bond)
        self.bonds[env.sender] = bond

    def report(self, env: Env, round_number: int, first_word: int, bitmaps: Sequence[int]) -> None:
        """``report``: adds bits to what the sender said of a round."""
        bond = self.bonds.get(env.sender, 0)
        if bond < self.terms.bond:
            raise Revert("BondTooSmall", bond, self.terms.bond)
        rounds = reportable_rounds(env.now, self.terms.round_length)
        if round_number not in rounds:
            raise Revert("UntimelyRound", round_number, rounds[0], rounds[-1])
        if not bitmaps:
            raise Revert("NothingReported")
        for word, bits in enumerate(bitmaps, first_word):
            track = self.reported.setdefault((env.sender, word), {})
            track[round_number] = track.get(round_number, 0) | bits

    def challenge(self, env: Env, reporter: bytes, round_number: int, index: int) -> None:
        """``challenge``: a doubt, with its deposit."""
        if not self.bitmap(reporter, round_number, index // WORD) >> index % WORD & 1:
            raise Revert("NotReported", reporter, round_number, index)
        until = (round_number + 2) * self.terms.round_length - 1 + self.terms.challenge_window
        if env.now > until:
            raise Revert("TooLate", until)
        if (reporter, round_number, index) in self.challenges:
            raise Revert("AlreadyChallenged", reporter, round_number, index)
        needed = self.terms.deposit(env.base_fee)
        if env.value < needed:
            raise Revert("DepositTooSmall", env.value, needed)
        deadline = env.now + self.terms.answer_period
        self.challenges[reporter, round_number, index] = Challenge(env.sender, deadline, env.value)

    def answer(
        self,
        env: Env,
        nodes: Sequence[bytes],
        place: tuple[bytes, int, int],
        timestamp: int,
        public_key: bytes,
        signature: bytes,
    ) -> None:
        """``answer``: the signature is shown. ``place``: reporter, round, index; ``nodes``: the registry's."""
        reporter, round_number, index = place
        entry = self._open(place)
        if env.now > entry.deadline:
            raise Revert("TooLate", entry.deadline)
        if round_of(timestamp, self.terms.round_length) != round_number:
            raise Revert("NotInRound", timestamp, round_number)
        node = nodes[index] if index < len(nodes) else bytes(32)
        if node_of(public_key) != node:
            raise Revert("WrongKey", index, node)
        if not verify_hash(public_key, heartbeat_digest(node, timestamp), signature):
            raise Revert("NotSigned", node, timestamp)
        period = self.terms.answer_period
        early = env.now <= entry.deadline - period + period // 2
        self._credit(reporter if early else env.sender, entry.deposit)
        entry.answered, entry.deposit = True, 0

    def expire(self, env: Env, reporter: bytes, round_number: int, index: int) -> None:
        """``expire``: nobody answered; the reporter loses, half of it to the challenger."""
        entry = self._open((reporter, round_number, index))
        if env.now <= entry.deadline:
            raise Revert("NotYet", entry.deadline)
        slashed = min(self.bonds[reporter], self.terms.slash)
        self.bonds[reporter] -= slashed
        self.burned += slashed - slashed // 2
        self._credit(entry.challenger, entry.deposit + slashed // 2)
        entry.expired, entry.deposit = True, 0

    def open_challenges(self, reporter: bytes) -> int:
        """How many challenges of a reporter's wait for an answer or for their end."""
        return sum(
            place[0] == reporter and not entry.answered and not entry.expired
            for place, entry in self.challenges.items()
        )

    def bitmap(self, reporter: bytes, round_number: int, word: int) -> int:
        """``bitmap``: what a reporter said of a word in a round that is still kept."""
        track = self.reported.get((reporter, word), {})
        kept = bool(track) and max(track) - round_number < KEPT_ROUNDS
        return track.get(round_number, 0) if kept else 0

    def _open(self, place: tuple[bytes, int, int]) -> Challenge:
        entry = self.challenges.get(place)
        if entry is None or entry.answered or entry.expired:
            raise Revert("NotChallenged", *place)
        return entry

    def _credit(self, account: bytes, amount: int) -> None:
        self.credits[account] = self.credits.get(account, 0) + amount
