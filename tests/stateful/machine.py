"""Many actors on one settlement: every step is played on the contract and on its specification."""

from tests.stateful.base import TERMS as TERMS
from tests.stateful.rules_demands import DemandRules
from tests.stateful.rules_lanes import LaneRules
from tests.stateful.rules_promises import PromiseRules


class SettlementMachine(LaneRules, DemandRules, PromiseRules):
    """Relayers honest and not, provers, griefers, promise holders, liars, the owner, the guardian, and time."""
