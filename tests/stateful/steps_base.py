"""What the rules of the steps' machine share: who is awake in the village, and what is known of it.

An honest verifier awake once per (window - answer period) never lets a bad leaf become final, and never disputes a good
one. Two take turns with that; one alone may sleep longer, but not so long that a claim on a promise handed to it runs
out. Each works on a store and an account of its own, is killed and started again, and may be cut off from the web.
"""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hypothesis.stateful import RuleBasedStateMachine

from afterproof.chain.base import ChainEvent
from afterproof.errors import AfterproofError
from afterproof.protocol.errors import ProtocolError
from afterproof.protocol.header import BatchId, lane_of
from afterproof.protocol.receipt import Leaf
from afterproof.protocol.registry import Registry
from afterproof.protocol.settlement import Settlement
from afterproof.roles import ROLES
from afterproof.steps import Context
from tests.stateful.steps_village import (
    ACCOUNTS,
    CHEAT_KEY,
    GRIEFER,
    HASTE,
    LIMITS,
    MOST_TURNS,
    NAP,
    REGISTRY,
    STAKE,
    TERMS,
    VERIFIERS,
    WEALTH,
    WEARY,
    Attestor,
    Entrusted,
    Internal,
    Planted,
    Village,
)  # fmt: skip
from tests.support.nitro_world import Attested
from tests.support.web import Web
from tests.support.world import RIVAL


class StepsBase(RuleBasedStateMachine):
    """The village, who is awake in it, and what is known of what was planted."""

    def set_up(self, mirrored: bool) -> None:
        """Everybody in place."""
        self.internal = Internal()
        logging.getLogger("afterproof").addHandler(self.internal)
        self.folder = Path(tempfile.mkdtemp())
        self.world = Village(self.folder, TERMS, registry=REGISTRY)
        self.web = self.world.web = Web(self.world.shelf)
        self.attested = Attested(self.world)
        self.attested.documents = self.web  # type: ignore[assignment]
        self.web.mirrored = self.folder / "first-archive" if mirrored else None
        chain = self.world.chain
        for account in (*ACCOUNTS.values(), RIVAL, GRIEFER):
            chain.fund(account, WEALTH - chain.view().balances.get(account, 0))
        self.allocated = dict(chain._allocated)
        self.cheat, self.griefer = chain.account_view(RIVAL), chain.account_view(GRIEFER)
        self.open_cheat_lane()
        self.contexts = {name: self.opened(name) for name in ACCOUNTS}
        for _ in range(5):  # no reorganisation here is so deep as to undo the stage
            self.world.wait(1)
        self.awake_at = dict.fromkeys(self.contexts, self.world.now)
        self.planted: dict[tuple[BatchId, bytes], Planted] = {}
        self.entrusted: list[Entrusted] = []
        self.attestors: list[Attestor] = []
        self.promised: dict[tuple[int, int], Leaf] = {}
        self.repeatable: list[Leaf] = []
        self.number, self.turn = 0, 0
        self.wake(*self.contexts)

    def opened(self, name: str) -> Context:
        """Who goes by that name, started on its files."""
        return self.world.relayer() if name == "relayer" else self.world.verifier(name, ACCOUNTS[name])

    def open_cheat_lane(self) -> None:
        """The cheat begins anew."""
        self.lane, _ = self.cheat.open_lane(RIVAL, CHEAT_KEY.address, 20, STAKE)

    # --- the chain, past its nodes -------------------------------------------------------------

    @property
    def settlement(self) -> Settlement:
        """The contract, whatever nodes answer."""
        return self.world.chain._state.settlement

    @property
    def registry(self) -> Registry:
        """The other contract."""
        return self.world.chain._state.registry

    def events(self) -> list[ChainEvent]:
        """All that happened and was not undone."""
        return [logged.event for mined in self.world.chain._blocks for logged in mined.logs]

    def cheated(self) -> Iterator[tuple[BatchId, Planted]]:
        """The batches of the cheat's that are on the chain."""
        for identity, batch in self.settlement.batches.items():
            if lane_of(identity) != self.world.lane:
                yield identity, self.planted[identity, batch.root]

    def fresh(self) -> int:
        """A number that tells receipts apart."""
        self.number += 1
        return self.number

    # --- who is awake --------------------------------------------------------------------------

    def stir(self, name: str) -> list[str]:
        """One role's steps until there is nothing more to do, as the loop takes them; what they could not get over."""
        context, troubles = self.contexts[name], []
        for _ in range(MOST_TURNS):
            more, troubles = False, []
            for step in ROLES[context.store.role]:
                try:
                    more |= step(context)
                except (AfterproofError, ProtocolError) as error:
                    troubles.append(f"{name}, {step.__name__}: {error}")
            if not more:
                return troubles
        raise AssertionError(f"{name} never comes to rest")

    def wake(self, *names: str) -> list[str]:
        """They are awake, node and network answer: they get through what there is to do. Their last troubles."""
        self.world.chain._failures.clear()
        self.world.chain._delay = None
        self.web.cut_off -= set(names)
        troubles: list[str] = []
        for _ in range(WEARY):
            troubles = [trouble for name in names for trouble in self.stir(name)]
            self.world.wait(1)
        self.awake_at |= dict.fromkeys(names, self.world.now)
        return troubles

    def sleep_no_longer(self, seconds: int = HASTE) -> None:
        """Wakes whoever would oversleep by what comes; transactions take time too, a block each."""
        then = self.world.now + seconds
        names = {name for name, limit in LIMITS.items() if then - self.awake_at[name] > limit}
        if then - max(self.awake_at[name] for name in VERIFIERS) > NAP:
            self.turn += 1
            names.add(VERIFIERS[self.turn % 2])
        if any(deadline < then + HASTE for deadline in self._demanded_of_relayer()):
            names.add("relayer")
        if names:
            self.wake(*sorted(names))

    def _demanded_of_relayer(self) -> Iterator[int]:
        for identity, batch in self.settlement.batches.items():
            if lane_of(identity) == self.world.lane:
                for demand in batch.demands.values():
                    if not demand.answered_at and not demand.expired:
                        yield demand.deadline

    def sleep_until(self, time: int) -> None:
        """Time passes, and nobody oversleeps."""
        while self.world.now < time:
            seconds = min(time - self.world.now, NAP)
            self.sleep_no_longer(seconds)
            self.world.wait(max(min(seconds, time - self.world.now), 1))

    @contextmanager
    def perhaps(self) -> Iterator[None]:
        """What people do may fail: the node, or the contract, refuses."""
        self.sleep_no_longer()
        with suppress(AfterproofError):
            yield

    def put_away(self) -> None:
        """Everything closed."""
        logging.getLogger("afterproof").removeHandler(self.internal)
        for context in self.contexts.values():
            context.store.close()
        shutil.rmtree(self.folder, ignore_errors=True)
