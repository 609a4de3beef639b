"""The settlement state machine on bare py-evm, briefly; ``make fuzz`` runs it for as long as wanted."""

from hypothesis import settings

from tests.stateful.machine import SettlementMachine

TestSettlement = SettlementMachine.TestCase
TestSettlement.settings = settings(max_examples=60, stateful_step_count=40)
