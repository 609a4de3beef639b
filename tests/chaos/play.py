"""A plan, played on a stage: a day of traffic and faults, a night in which time passes, and the end of it all.

    with stage(folder) as on:
        print(Play(on, plan_of("7 0", 12), print).run())

Nothing is timed but when things begin: whatever must come is waited for.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from afterproof.errors import CallReverted
from afterproof.protocol.answers import tile_path
from tests.chaos.cheats import Crime, commit, to_watch
from tests.chaos.holders import Holders
from tests.chaos.meanwhile import Meanwhile
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
from tests.chaos.reckoning import FALSE, WITHHELD, Account, due, forgeries
from tests.chaos.stage import TERMS, Stage
from tests.support.lives import Clients

PATIENCE: Final = 120.0
"""Seconds until what must come is missed."""

NUDGE: Final = 20
"""Seconds that pass at once, now and then, while verifiers are waited for: they may be resting after failures."""

NUDGES: Final = 12
"""How often at most, in one wait: not so often that a deadline comes near."""

SLIPS: Final = 75
"""Numbers of the cheating relayer's lane by which it has slipped in what it forges."""

Say = Callable[[str], None]


@dataclass
class Play:
    """What was done so far: faults planted, blocks that vanished, posts that were repeated, demands for nothing."""

    stage: Stage
    plan: Plan
    say: Say
    crimes: list[Crime] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    reposted: int = 0
    grieved: int = 0
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.holders, self.meanwhile = Holders(self.stage.verifiers), Meanwhile(self.stage)

    # --- the three parts -----------------------------------------------------------------------

    def day(self) -> None:
        """Traffic on every relayer, and everything that befalls them."""
        self.stage.attesters.attest(is_true=True)
        relayers = [*self.stage.relayers.values(), self.stage.cheat]
        with ExitStack() as stack:
            stack.enter_context(self.holders)
            for number, relayer in enumerate(relayers):
                count = 2 if relayer is self.stage.cheat else 1
                first = number * 10**8
                stack.enter_context(Clients(relayer, count, pause=0.15, first=first, largest=7))
            self.part(self.plan.day)
            self.calm()
            self.until(lambda: len(self.stage.cheat.book) > SLIPS, "forgeries slipped in", nudge=False)
            self.until(lambda: not self.holders.waiting, "all promises taken to be watched", nudge=False)
        self.tell("the day is over: no more is handed in")
        for relayer in relayers:
            self.until(relayer.book.is_posted, f"all posted on lane {relayer.lane}", nudge=False)
        self.crimes += forgeries(self.stage.cheat)

    def night(self) -> None:
        """Time passes, to where demands run out; it is the verifiers who have the trouble."""
        self.part(self.plan.night)
        self.calm()
        revealed = [crime for crime in self.crimes if crime.plant is Plant.REVEALED]
        self._until_punished(WITHHELD, FALSE, but=revealed)
        tiles = {crime.tile for crime in self.crimes if crime.tile is not None}
        self.until(lambda: tiles <= self.account.demanded, "tiles demanded")
        false = {place for what, _, place in due(self.crimes) if what == FALSE}
        self.until(lambda: false <= self.account.challenged, "false attestations challenged")
        self.tell("all that is withheld is demanded: some of it is shown, with forgeries in it")
        self._show(revealed)
        self._until_punished(WITHHELD, FALSE)
        self.tell("all faults are proven that can be seen")
        self.stage.time.settle()
        self.stage.time.jump(TERMS.answer_period // 2)
        hidden = {(lane, place) for what, lane, place in due(self.crimes) if what == WITHHELD}
        self.until(lambda: hidden == self.account.demanded, "what is not withheld shown")
        self.stage.time.settle()
        self.stage.time.jump(TERMS.answer_period)
        self.tell("the time to show it is over")
        self.part(self.plan.late)
        self.calm()
        self._until_punished()
        assert due(self.crimes) == self.account.punished.keys(), self.missing()

    def _until_punished(self, *later: str, but: Sequence[Crime] = ()) -> None:
        """Until all is proven but for what comes ``later``, and these crimes."""
        wanted = due([crime for crime in self.crimes if crime not in but], *later)
        self.until(lambda: wanted <= self.account.punished.keys(), "all punished")

    def _show(self, revealed: Sequence[Crime]) -> None:
        lanes = {lane.number: lane for lane in self.stage.lanes}
        for crime in revealed:
            assert crime.tile is not None
            lanes[crime.tile[0]].show(crime.tile[1])

    def part(self, acts: Part) -> None:
        """Act after act, each not before its time."""
        began = time.monotonic()
        for act in acts:
            while time.monotonic() < began + act.at:
                self.meanwhile.tick()
            self.tell(str(act).partition("  ")[2])
            self.act(act)

    # --- acts ----------------------------------------------------------------------------------

    def act(self, act: Act) -> None:
        """Do one."""
        match act:
            case Planted():
                self._plant(act)
            case Killed(_, who, down, then):
                self.meanwhile.kill(who, down, then)
            case Reorganised(_, depth, replaced):
                self.stage.time.go_back(depth, replaced)
                self.depths.append(depth)
                again = self.stage.again()
                self.reposted += again
                self.tell(f"{again} of what was planted is posted again")
            case Failing(_, who, how, lasts):
                self.stage.nodes.fail(who, how)
                self.meanwhile.later(lasts, lambda: self.stage.nodes.mend(who))
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
        crime = commit(act.plant, stage.lanes[act.lane], stage.silent, act.others)
        self.crimes.append(crime)
        self.holders.hold(act.verifier, *crime.promises)

    def _grieve(self, act: Act, lane: int) -> None:
        """Demand the first tile of a lane's newest batch; a moment later where there is none yet."""
        posted = self.stage.on.posted(lane)
        if not posted:
            self.meanwhile.later(1.0, lambda: self.act(act))
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
            self.meanwhile.later(1.0, lambda: self.act(act))
            return
        one = known[max(known)]
        self.holders.hold(verifier, to_watch(one.leaf, one.promise))

    # --- meanwhile -----------------------------------------------------------------------------

    def calm(self) -> None:
        """Everything under way comes to its end: all live, all nodes work, all that is planted stands."""
        while not self.meanwhile.is_idle:
            self.meanwhile.tick()
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
            self.meanwhile.tick()
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
            f"demanded {sorted(account.demanded)}, to be taken {self.holders.waiting}"
        )

    def tell(self, sentence: str) -> None:
        """Progress."""
        self.say(f"{time.monotonic() - self._began:6.1f} s  {sentence}")
