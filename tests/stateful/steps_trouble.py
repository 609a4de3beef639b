"""Rules about time and trouble: nodes that fail, late blocks, reorganisations, networks that are down, and crashes."""

from contextlib import suppress
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.stateful.steps_base import StepsBase
from tests.stateful.steps_village import ACCOUNTS, NAP, VERIFIERS
from tests.support.crashes import Crash, Doomed, crash_at

ACTS = (
    "post", "prove_fault", "demand_tile", "answer_tile", "expire_demand", "claim_missed", "claim_omitted",
    "claim_double", "challenge_attestation", "prove_attestation", "expire_challenge",
)  # fmt: skip
NAMES = st.sampled_from(list(ACCOUNTS))


class TroubleRules(StepsBase):
    """Whoever takes steps, and what goes wrong around them."""

    @rule(name=NAMES)
    def take_steps(self, name: str) -> None:
        """One takes its steps, whatever it is able to do."""
        self.sleep_no_longer()
        self.stir(name)

    @rule(seconds=st.sampled_from([1, 4, 20, 50, NAP]))
    def wait(self, seconds: int) -> None:
        """Time passes, but never so much that anybody overslept."""
        self.sleep_no_longer(seconds)
        self.world.wait(seconds)

    @rule(calls=st.integers(1, 12))
    def fail(self, calls: int) -> None:
        self.world.chain.fail_next(calls)

    @rule(blocks=st.integers(0, 3))
    def delay(self, blocks: int) -> None:
        self.world.chain.delay_next(blocks)

    @rule(name=st.sampled_from(["first", "second", "operator"]), rounds=st.integers(0, 5))
    def cut_off(self, name: str, rounds: int) -> None:
        """A verifier has no network, until it must be awake, and takes its steps all the same."""
        self.sleep_no_longer()
        self.web.cut_off.add(name)
        for _ in range(rounds):
            self.stir(name)
            self.world.wait(3)

    @rule(
        depth=st.integers(1, 3),
        replay=st.booleans(),
        busy=st.sampled_from([None, *ACCOUNTS]),
        looks=st.integers(1, 2),
        asleep=st.sampled_from([None, None, *VERIFIERS]),
    )
    def reorganise(self, depth: int, replay: bool, busy: str | None, looks: int, asleep: str | None) -> None:
        """Blocks vanish, perhaps with all that somebody has just done; who is awake sees it before anything else is
        built on what is left. A verifier that nobody relies on alone may sleep through it."""
        self.sleep_no_longer()
        for name in [busy] * looks if busy is not None else []:
            self.stir(name)  # the second look shows what came of the first
        self.world.chain.reorg(depth, replay)
        self.world.wait(1)
        relied_on = {one.name for one in self.entrusted}
        self.wake(*(name for name in self.contexts if name != asleep or name in relied_on))
        self.awake_at = {name: min(at, self.world.now) for name, at in self.awake_at.items()}

    @rule(at=st.integers(1, 6), when=st.sampled_from(["before", "after", "sent"]), name=NAMES)
    def crash(self, at: int, when: str, name: str) -> None:
        """A process is killed at one of its commits, or once a transaction has landed, and started again."""
        self.sleep_no_longer()
        context = self.contexts[name]
        if when == "sent":
            doomed = Doomed(context.chain, min(at, 2), ACTS)
            self.contexts[name] = replace(context, chain=doomed)  # type: ignore[arg-type]
            with suppress(Crash):
                self.stir(name)
        else:
            with crash_at(context.store, at, when), suppress(Crash):
                self.stir(name)
        context.store.close()
        self.contexts[name] = self.opened(name)
