"""The settlement state machine on bare py-evm, briefly and the same in every run; ``make fuzz`` looks further."""

from hypothesis import settings

from tests.stateful.machine import SettlementMachine

TestSettlement = SettlementMachine.TestCase
TestSettlement.settings = settings(max_examples=24, stateful_step_count=40, derandomize=True)
