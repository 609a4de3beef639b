"""Every state machine, by the name that ``make fuzz`` prints."""

from hypothesis.stateful import RuleBasedStateMachine

from tests.stateful.machine import SettlementMachine
from tests.stateful.registry_machine import RegistryMachine
from tests.stateful.steps_machine import StepsMachine

MACHINES: dict[str, type[RuleBasedStateMachine]] = {
    "registry": RegistryMachine,
    "settlement": SettlementMachine,
    "steps": StepsMachine,
}
