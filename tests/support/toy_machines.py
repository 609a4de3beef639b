"""Small state machines: what ``make fuzz`` makes of machines that hold, that break, and that never end."""

import time

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule


class Holds(RuleBasedStateMachine):
    """Nothing ever breaks."""

    @rule(number=st.integers())
    def count(self, number: int) -> None:
        """Does nothing."""


class Breaks(RuleBasedStateMachine):
    """Breaks once 11 or more was added in all."""

    total = 0

    @rule(number=st.integers(0, 5))
    def add(self, number: int) -> None:
        """Adds up to 5."""
        self.total += number

    @invariant()
    def stays_small(self) -> None:
        """Does not hold."""
        assert self.total <= 10


class Sleeps(RuleBasedStateMachine):
    """An example takes a minute and more."""

    @rule()
    def sleep(self) -> None:
        """Takes a second."""
        time.sleep(1)


HOLDING = {"holds": Holds, "holds again": Holds}
BREAKING = {"breaks": Breaks}
SLEEPING = {"sleeps": Sleeps}
