"""Relayer and verifier *steps* against the in-memory chain: crashes, reorganisations, failing RPC, late blocks.

An honest relayer, two honest verifiers and an operator of attested nodes, each on a store and an account of its own;
a cheat that posts, withholds, promises and attests what it likes; griefers; people who hand promises to verifiers.
"""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition

from tests.stateful.steps_challenges import ATTESTED_FOR, ChallengeRules
from tests.stateful.steps_ends import (
    check_attestations,
    check_leaves,
    check_promises,
    check_punished,
    check_stores,
)
from tests.stateful.steps_money import check_everybody_has_its_own, check_money, check_out_of_pocket
from tests.stateful.steps_trouble import TroubleRules
from tests.stateful.steps_village import NAP, TERMS, WEARY
from tests.support.world import OPERATOR, RELAYER

LONGEST = TERMS.max_promise_delay + TERMS.claim_window + 2 * TERMS.window + TERMS.answer_period
"""Seconds until nothing that was begun can still be disputed or claimed."""


class StepsMachine(ChallengeRules, TroubleRules):
    """One village, and everything that goes wrong in it."""

    @initialize(mirrored=st.booleans())
    def begin(self, mirrored: bool) -> None:
        self.set_up(mirrored)

    @invariant()
    @precondition(lambda self: hasattr(self, "contexts"))
    def no_bad_leaf_is_final_and_nobody_honest_pays(self) -> None:
        assert not self.internal.said, self.internal.said[0]
        check_leaves(self)
        check_money(self)
        check_out_of_pocket(self)

    def teardown(self) -> None:
        if hasattr(self, "contexts"):
            try:
                self.see_it_out()
            finally:
                self.put_away()

    def see_it_out(self) -> None:
        """Every window ends, the verifiers waking as seldom as they may; then all is settled, and everybody leaves."""
        over = self.world.now + LONGEST
        while self.world.now <= over:
            self.sleep_no_longer(NAP - WEARY)
            self.world.wait(NAP - WEARY)
            self.no_bad_leaf_is_final_and_nobody_honest_pays()
        self.wake(*self.contexts)
        troubles = self.wake(*self.contexts)
        assert not troubles, troubles
        check_punished(self)
        check_attestations(self)
        check_promises(self)
        check_stores(self)
        self.everybody_leaves()
        check_everybody_has_its_own(self)

    def everybody_leaves(self) -> None:
        """The honest lane's stake and the true attestations' bonds can be had back."""
        chain, lane = self.world.chain, self.world.lane
        relayer, operator = chain.account_view(RELAYER), chain.account_view(OPERATOR)
        relayer.exit_lane(lane)
        relayer.release_cover(lane, 2**32)
        self.world.wait(max(self.settlement.lanes[lane].liable_until - self.world.now, 0) + ATTESTED_FOR)
        relayer.withdraw_stake(lane)
        for number in self.attested_numbers():
            if self.kind_of(number).kind == "true":
                operator.release_bond(number)
