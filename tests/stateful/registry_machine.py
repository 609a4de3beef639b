"""Many actors on one registry: every step is played on the contract and on its specification."""

from tests.stateful.rules_attestations import AttestationRules
from tests.stateful.rules_registry import RegistryRules


class RegistryMachine(AttestationRules, RegistryRules):
    """Operators honest and not, challengers, provers, the owner, its revoker, and time."""
