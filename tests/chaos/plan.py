"""What happens in a trip of chaos: pure, and all from one seed.

A plan has three parts. By day everybody works: receipts are handed in, faults are planted, processes die, the chain is
reorganised, nodes fail. By night time passes, to beyond what was demanded, and before and after it is the verifiers who
have the trouble. The same seed gives the same plan, whatever the machine.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

RELAYERS: Final = ("relayer-1", "relayer-2")
"""The honest ones."""

CHEAT: Final = "cheat"
"""A relayer that slips forgeries in among what it is handed."""

VERIFIERS: Final = ("verifier-1", "verifier-2")
PROCESSES: Final = (*RELAYERS, CHEAT, *VERIFIERS)
LANES: Final = 2
"""Lanes on which faults are planted by hand."""

DEEPEST: Final = 12
"""Blocks that a reorganisation takes at most."""


BOUNDARIES: Final = tuple(
    f"start: {what} {when}"
    for step in ("watch", "check", "compare", "dispute", "demand", "answer", "claim", "attest")
    for what, when in ((f"commit of {step}", "is done"), (f"statement of {step}", "begins"), (step, "ends"))
)
"""Where a verifier may die: after a commit, or before it has written down what it did. See tests.support.doomed."""


class Plant(StrEnum):
    """A fault that is planted."""

    FORGED = "a bad signature"
    DUPLICATE = "a duplicate in its batch"
    REPEATED = "a duplicate of an earlier batch"
    MISDECLARED = "a misdeclared range"
    WITHHELD = "withheld data"
    MISMATCHING = "mismatching data"
    REVEALED = "a forgery shown on demand alone"
    LATE = "a promise kept too late"
    NEVER = "a promise never kept"
    OMITTED = "an omitted receipt"
    DOUBLE = "a double promise"
    ATTESTATION = "a false attestation"


class Failure(StrEnum):
    """How a node fails."""

    SILENT = "is silent"
    LATE = "answers late"
    RESET = "resets connections"
    LOST = "loses answers"
    CUT = "cuts answers off"
    BUSY = "answers 429"
    DOWN = "answers 503"
    GARBAGE = "answers garbage"
    STALE = "stands still"
    SWALLOWS = "swallows transactions"


@dataclass(frozen=True)
class Act:
    """Something that happens ``at`` so many seconds after its part of the plan began."""

    at: float

    def __str__(self) -> str:
        told = ", ".join(f"{name} {value}" for name, value in vars(self).items() if name != "at")
        return f"{self.at:5.1f} s  {type(self).__name__.lower()}: {told}"


@dataclass(frozen=True)
class Planted(Act):
    """A fault, among ``others`` sound receipts, on one of the lanes; its promises are watched by ``verifier``."""

    plant: Plant
    lane: int
    others: int
    verifier: str


@dataclass(frozen=True)
class Killed(Act):
    """A process is killed, and started again after ``down`` seconds: to die ``then``, at a boundary, if it is named."""

    who: str
    down: float
    then: str


@dataclass(frozen=True)
class Reorganised(Act):
    """The newest ``depth`` blocks vanish; as many empty ones take their place, or none."""

    depth: int
    replaced: bool


@dataclass(frozen=True)
class Failing(Act):
    """What a process asks its node meets a failure for ``lasts`` seconds."""

    who: str
    how: Failure
    lasts: float


@dataclass(frozen=True)
class Grieved(Act):
    """Somebody demands a tile of an honest relayer's newest batch, because it can."""

    who: str


@dataclass(frozen=True)
class Entrusted(Act):
    """Somebody hands a promise of an honest relayer to a verifier."""

    who: str
    verifier: str


Part = tuple[Act, ...]


@dataclass(frozen=True)
class Plan:
    """A trip's three parts, each in the order of time."""

    seed: str
    day: Part
    night: Part
    late: Part

    @property
    def acts(self) -> Part:
        """All of them."""
        return self.day + self.night + self.late

    def __str__(self) -> str:
        parts = {"by day": self.day, "by night": self.night, "late at night": self.late}
        return "\n".join(
            f"plan {self.seed}, {name}\n" + "\n".join(f"  {act}" for act in part)
            for name, part in parts.items()
        )


def plan_of(seed: str, seconds: float) -> Plan:
    """The plan of a seed, its day ``seconds`` long: each fault at least once, each process killed, each failure met."""
    chance = random.Random(seed)
    day = [
        *_plants(chance, seconds),
        *_kills(chance, PROCESSES, seconds, max(1, round(seconds / 15))),
        *_reorganisations(chance, seconds, max(3, round(seconds / 5))),
        *_failures(chance, PROCESSES, seconds, max(len(Failure), round(seconds))),
        *(Grieved(_moment(chance, seconds), who) for who in RELAYERS),
        *(Entrusted(_moment(chance, seconds), who, verifier) for who in RELAYERS for verifier in VERIFIERS),
    ]
    night, late = (
        [
            *_kills(chance, VERIFIERS, 2.0, 1),
            *_reorganisations(chance, 2.0, 1),
            *_failures(chance, VERIFIERS, 2.0, 2),
        ]
        for _ in range(2)
    )
    return Plan(seed, _in_order(day), _in_order(night), _in_order(late))


def _in_order(acts: Sequence[Act]) -> Part:
    return tuple(sorted(acts, key=lambda act: act.at))


def _moment(chance: random.Random, seconds: float) -> float:
    return round(chance.uniform(0, seconds), 1)


def _plants(chance: random.Random, seconds: float) -> list[Act]:
    kinds = [*Plant, *chance.choices(list(Plant), k=round(seconds / 2))]
    return [
        Planted(
            _moment(chance, seconds * 0.9), kind, chance.randrange(LANES), chance.randrange(1, 5),
            chance.choice(VERIFIERS),
        )
        for kind in kinds
    ]  # fmt: skip


def _kills(chance: random.Random, whom: Sequence[str], seconds: float, each: int) -> list[Act]:
    """Each of them ``each`` times, one time after the other; verifiers die a second time, at some boundary."""
    slot = seconds / each
    return [
        Killed(
            round(slot * (turn + chance.uniform(0, 0.8)), 1), who, round(chance.uniform(0, 1.5), 1),
            f"{chance.choice(BOUNDARIES)} #{chance.randrange(1, 4)}" if who in VERIFIERS else "",
        )
        for who in whom
        for turn in range(each)
    ]  # fmt: skip


def _reorganisations(chance: random.Random, seconds: float, count: int) -> list[Act]:
    """Shallow ones, middling ones and deep ones in turn."""
    third = DEEPEST // 3
    depths = [chance.randrange(1, third + 1) + third * (turn % 3) for turn in range(count)]
    if count < 3:
        depths = [chance.randrange(1, DEEPEST + 1) for _ in range(count)]
    chance.shuffle(depths)
    return [Reorganised(_moment(chance, seconds), depth, chance.random() < 0.5) for depth in depths]


def _failures(chance: random.Random, whom: Sequence[str], seconds: float, count: int) -> list[Act]:
    """All kinds in turn; those of one process follow each other."""
    kinds = [
        kind for _ in range(count // len(Failure) + 1) for kind in chance.sample([*Failure], len(Failure))
    ]
    turns = -(-count // len(whom))
    slot, found = seconds / turns, list[Act]()
    for number, kind in enumerate(kinds[:count]):
        lasts = round(chance.uniform(0.3, 0.8) * min(slot, 3.0), 1)
        at = round(slot * (number // len(whom)) + chance.uniform(0, max(slot - lasts, 0)), 1)
        found.append(Failing(at, whom[number % len(whom)], kind, lasts))
    return found
