"""Every state machine, by the name that ``make fuzz`` prints."""

from hypothesis.stateful import RuleBasedStateMachine

from tests.stateful.machine import SettlementMachine
from tests.stateful.steps_machine import StepsMachine

MACHINES: dict[str, type[RuleBasedStateMachine]] = {
    "settlement": SettlementMachine,
    "steps": StepsMachine,
}
