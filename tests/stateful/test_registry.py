"""The registry's state machine on bare py-evm, briefly and the same in every run; ``make fuzz`` looks further."""

from hypothesis import settings

from tests.stateful.registry_machine import RegistryMachine

TestRegistry = RegistryMachine.TestCase
TestRegistry.settings = settings(max_examples=24, stateful_step_count=40, derandomize=True)
