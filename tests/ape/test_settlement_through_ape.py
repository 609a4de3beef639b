"""A small run of the settlement state machine through ape, with real transactions in the blocks of a real node.

On anvil alone: there a transaction can be given its second, which ape's py-evm does not do. Each example deploys
its own contracts, so that nothing leaks from one to the next.
"""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.ape.ape_evm import ApeEvm, Deploy
from tests.stateful.machine import TERMS, SettlementMachine
from tests.support.pair import Pair

BRIEF = settings(
    max_examples=3,
    stateful_step_count=25,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def test_settlement_machine_through_ape(deploy: Deploy) -> None:
    class ThroughApe(SettlementMachine):
        is_bare = False

        @staticmethod
        def make_pair() -> Pair:
            return Pair(TERMS, ApeEvm(deploy))  # type: ignore[arg-type]

    run_state_machine_as_test(ThroughApe, settings=BRIEF)
