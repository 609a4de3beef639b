"""A plan, played on a stage: a day of traffic and faults, a night in which time passes, and the end of it all.

    with stage(folder) as on:
        print(Play(on, plan_of("7 0", 12), print).run())

Nothing is timed but when things begin: whatever must come is waited for.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from afterproof.chain.base import Posted
from afterproof.errors import CallReverted
from afterproof.protocol.answers import tile_path
from afterproof.protocol.batching import rebuild_batch
from afterproof.protocol.header import first_seq_of, lane_of
from afterproof.protocol.signing import node_of, verify_leaf
from tests.chaos.cheats import Crime, commit, to_watch
from tests.chaos.plan import (
    Act,
    Entrusted,
    Failing,
    Grieved,
    Killed,
    Part,
    Plan,
    Plant,
    Planted,
    Reorganised,
)
from tests.chaos.reckoning import FALSE, WITHHELD, Account, due
from tests.chaos.stage import TERMS, Stage
from tests.support.lives import Clients

PATIENCE: Final = 120.0
"""Seconds until what must come is missed."""

NUDGE: Final = 20
"""Seconds that pass at once, now and then, while verifiers are waited for: they may be resting after failures."""

NUDGES: Final = 12
"""How often at most, in one wait: not so often that a deadline comes near."""

SLIPS: Final = 95
"""Numbers of the cheating relayer's lane by which it has slipped all its forgeries in."""

Say = Callable[[str], None]


@dataclass
class Play:
    """What was done so far: faults planted, how often who was killed, blocks that vanished, promises to hand in."""

    stage: Stage
    plan: Plan
    say: Say
    crimes: list[Crime] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    """Lives that ended by themselves, for their node did not answer at their start; as a service manager would, we
    start them again."""
    depths: list[int] = field(default_factory=list)
    reposted: int = 0
    grieved: int = 0
    _waiting: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    _down: set[str] = field(default_factory=set)
    _began: float = field(default_factory=time.monotonic)

    # --- the three parts -----------------------------------------------------------------------

    def day(self) -> None:
        """Traffic on every relayer, and everything that befalls them."""
        self.stage.attesters.attest(is_true=True)
        relayers = [*self.stage.relayers.values(), self.stage.cheat]
        with ExitStack() as stack:
            for number, relayer in enumerate(relayers):
                count = 2 if relayer is self.stage.cheat else 1
                first = number * 10**8
                stack.enter_context(Clients(relayer, count, pause=0.15, first=first, largest=7))
            self.part(self.plan.day)
            self.calm()
            self.until(lambda: len(self.stage.cheat.book) > SLIPS, "forgeries slipped in", nudge=False)
        self.tell("the day is over: no more is handed in")
        for relayer in relayers:
            self.until(relayer.book.is_posted, f"all posted on lane {relayer.lane}", nudge=False)
        self.until(lambda: not self._waiting, "all promises taken to be watched", nudge=False)
        self.crimes += self._slipped()

    def night(self) -> None:
        """Time passes, to where demands run out; it is the verifiers who have the trouble."""
        self.part(self.plan.night)
        self.calm()
        wanted = due(self.crimes, WITHHELD, FALSE)
        self.until(lambda: wanted <= self.account.punished.keys(), "faults and broken promises proven")
        hidden = {place[1:] for place in due(self.crimes) if place[0] == WITHHELD}
        self.until(lambda: hidden <= self.account.demanded, "tiles demanded")
        false = {place[2] for place in due(self.crimes) if place[0] == FALSE}
        self.until(lambda: false <= self.account.challenged, "false attestations challenged")
        self.tell("all faults are proven, all that is withheld is demanded")
        self.stage.time.jump(TERMS.answer_period // 2)
        self.until(lambda: hidden == self.account.demanded, "what is not withheld shown")
        self.stage.time.jump(TERMS.answer_period)
        self.tell("the time to show it is over")
        self.part(self.plan.late)
        self.calm()
        everything = due(self.crimes)
        self.until(lambda: everything <= self.account.punished.keys(), "everything punished")
        self.stage.time.jump(0)
        assert everything == self.account.punished.keys()

    def part(self, acts: Part) -> None:
        """Act after act, each not before its time."""
        began = time.monotonic()
        for act in acts:
            while time.monotonic() < began + act.at:
                self.tick()
            self.tell(str(act).partition("  ")[2])
            self.act(act)

    # --- acts ----------------------------------------------------------------------------------

    def act(self, act: Act) -> None:
        """Do one."""
        match act:
            case Planted():
                self._plant(act)
            case Killed(_, who, down):
                self.stage.people[who].kill()
                self.kills[who] += 1
                self._down.add(who)
                self._later(down, lambda: self._start(who))
            case Reorganised(_, depth, replaced):
                self.stage.time.go_back(depth, replaced)
                self.depths.append(depth)
                again = self.stage.again()
                self.reposted += again
                self.tell(f"{again} of what was planted is posted again")
            case Failing(_, who, how, lasts):
                self.stage.nodes.fail(who, how)
                self._later(lasts, lambda: self.stage.nodes.mend(who))
            case Grieved(_, who):
                self._grieve(act, self.stage.relayers[who].lane)
            case Entrusted(_, who, verifier):
                self._entrust(act, who, verifier)

    def _plant(self, act: Planted) -> None:
        stage = self.stage
        if act.plant is Plant.ATTESTATION:
            number = stage.attesters.attest(is_true=False)
            self.crimes.append(Crime(act.plant, frozenset({(FALSE, 0, number)})))
            return
        punishments, promises = commit(act.plant, stage.lanes[act.lane], stage.silent, act.others)
        self.crimes.append(Crime(act.plant, punishments))
        self._waiting += [(act.verifier, promise) for promise in promises]

    def _grieve(self, act: Act, lane: int) -> None:
        """Demand the first tile of a lane's newest batch; a moment later where there is none yet."""
        posted = self.stage.on.posted(lane)
        if not posted:
            self._later(1.0, lambda: self.act(act))
            return
        newest, griefer = posted[-1], self.stage.griefer
        deposit = griefer.deposit_for(newest.batch, 0) * 2
        try:
            path = tile_path(newest.tile_roots, 0)
            griefer.demand_tile(newest.batch, 0, newest.tile_roots[0], path, deposit)
        except CallReverted as error:
            self.tell(f"it was demanded before: {error}")
        else:
            self.grieved += 1

    def _entrust(self, act: Act, who: str, verifier: str) -> None:
        """Somebody hands in the promise that it got last; a moment later where there is none yet."""
        known = self.stage.relayers[who].book.by_number()
        if not known:
            self._later(1.0, lambda: self.act(act))
            return
        one = known[max(known)]
        self._waiting.append((verifier, to_watch(one.leaf, one.promise)))

    # --- meanwhile -----------------------------------------------------------------------------

    def tick(self) -> None:
        """What is due meanwhile: processes to be started, nodes to be mended, promises to be handed in."""
        now = time.monotonic()
        ready = [call for at, call in self._due if at <= now]
        self._due = [(at, call) for at, call in self._due if at > now]
        for call in ready:
            call()
        for who, mortal in self.stage.people.items():
            if who not in self._down and not mortal.is_alive:
                self.ended[who] += 1
                self._down.add(who)
                self._later(0.5, lambda who=who: self._start(who))  # type: ignore[misc]
        self._waiting = [
            (who, promise) for who, promise in self._waiting if not self.stage.verifiers[who].takes(promise)
        ]
        time.sleep(0.02)

    def calm(self) -> None:
        """Everything under way comes to its end: all live, all nodes work, all that is planted stands."""
        while self._due:
            self.tick()
        self.reposted += self.stage.again()

    def until(self, condition: Callable[[], bool], what: str, nudge: bool = True) -> None:
        """Wait for what must come; let time pass meanwhile, unless relayers still have promises to keep."""
        began, nudges = time.monotonic(), 0
        while not condition():
            waited = time.monotonic() - began
            assert waited < PATIENCE, f"not within {PATIENCE:g} s: {what}\n{self.missing()}"
            if nudge and nudges < NUDGES and waited > 2.0 * (nudges + 1):
                nudges += 1
                self.stage.time.jump(NUDGE)
            self.tick()
            time.sleep(0.1)

    @property
    def account(self) -> Account:
        """What the chain says by now."""
        on = self.stage.on
        return Account(on.reader.events(on.deployment.block, on.reader.head().number))

    def missing(self) -> str:
        """What was planted and is not punished, and what was punished and not planted."""
        account, wanted = self.account, due(self.crimes)
        found = account.punished.keys()
        return (
            f"missing {sorted(wanted - found)}, unexpected {sorted(found - wanted)}, "
            f"demanded {sorted(account.demanded)}, to be taken {len(self._waiting)}"
        )

    def tell(self, sentence: str) -> None:
        """Progress."""
        self.say(f"{time.monotonic() - self._began:6.1f} s  {sentence}")

    def _later(self, seconds: float, call: Callable[[], None]) -> None:
        self._due.append((time.monotonic() + seconds, call))

    def _start(self, who: str) -> None:
        self._down.discard(who)
        self.stage.people[who].start()

    def _slipped(self) -> list[Crime]:
        """The forgeries of the relayer that cheats by itself, by what it published."""
        relayer, on, found = self.stage.cheat, self.stage.on, list[Crime]()
        keys = {node_of(key): key for key in (on.node.public_key, on.gateway.public_key)}
        for posted in on.posted(relayer.lane):
            leaves = leaves_of(relayer.fetch(posted), posted)
            for seq, leaf in enumerate(leaves, first_seq_of(posted.batch)):
                key = keys.get(leaf.receipt.node)
                if key is not None and not verify_leaf(leaf, key, on.domain):
                    place = "BAD_SIGNATURE", relayer.lane, seq
                    found.append(Crime(Plant.FORGED, frozenset({place})))
        assert found, "the cheating relayer forged nothing"
        return found


def leaves_of(data: bytes, posted: Posted) -> list[Any]:
    """The leaves of a batch by its published data."""
    lane, first, count = lane_of(posted.batch), first_seq_of(posted.batch), posted.header.count
    return list(rebuild_batch(lane, first, count, posted.root, data).leaves)
