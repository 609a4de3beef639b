"""The steps of relayer and verifier amid crashes, reorganisations and failures, briefly and the same in every run."""

from hypothesis import HealthCheck, settings

from tests.stateful.steps_machine import StepsMachine

TestSteps = StepsMachine.TestCase
TestSteps.settings = settings(
    max_examples=60, stateful_step_count=40, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
