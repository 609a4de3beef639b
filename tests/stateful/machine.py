"""Many actors on one settlement: every step is played on the contract and on its specification."""

from tests.stateful.base import TERMS as TERMS
from tests.stateful.rules_breaches import BreachRules
from tests.stateful.rules_demands import DemandRules
from tests.stateful.rules_lanes import LaneRules


class SettlementMachine(LaneRules, DemandRules, BreachRules):
    """Relayers honest and not, provers, griefers, promise holders, liars, the owner, the guardian, and time."""
