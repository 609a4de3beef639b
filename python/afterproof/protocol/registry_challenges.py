"""Attestations are challenged, proven, rejected; retired, and their bonds released."""

from dataclasses import replace

from .attestations import FOREVER, Claims, end_by, with_end
from .outcome import Env, Event, Revert
from .registry_evidence import RegistryEvidence
from .registry_state import Attestation
from .signing import node_of


class Challenges(RegistryEvidence):
    """What it takes to hold on, and how it ends."""

    def challenge(self, env: Env, number: int) -> list[Event]:
        """Prove it, until a deadline; the deposit pays whoever does."""
        found = self._unproven(number)
        if found.tenure.deadline:
            raise Revert("AlreadyChallenged", number)
        if not found.bond:
            raise Revert("NoBond", number)
        until = self._last_use(found)
        if env.now > until:
            raise Revert("ChallengeTooLate", number, until)
        needed = self.terms.deposit(env.base_fee)
        if env.value < needed:
            raise Revert("DepositTooSmall", env.value, needed)
        starts_at = 0 if found.tenure.starts_at > env.now else found.tenure.starts_at
        deadline = env.now + self.terms.proof_period
        found.tenure = replace(found.tenure, starts_at=starts_at, deadline=deadline)
        found.challenger, found.deposit = env.sender, env.value
        return [Event("AttestationChallenged", (number, env.sender, starts_at, deadline, env.value))]

    def prove(
        self, env: Env, number: int, claims: Claims, public_key: bytes, document: bytes, hints: bytes
    ) -> list[Event]:
        """The evidence itself, challenged or not; the prover gets the deposit."""
        found = self._unproven(number)
        if found.tenure.is_rejected(env.now):
            raise Revert("ProofTooLate", number, found.tenure.deadline)
        if claims != found.claims:
            raise Revert("WrongClaims", number)
        if node_of(public_key) != found.node:
            raise Revert("ClaimDiffers", "publicKey")
        self._verify(claims, number, public_key, document, hints)
        waits = found.tenure.starts_at == 0 or found.tenure.starts_at > env.now
        starts_at = env.now + 1 if waits else found.tenure.starts_at
        found.tenure = replace(found.tenure, starts_at=starts_at, deadline=0, proven=True)
        self.credits[env.sender] += found.deposit
        found.deposit = 0
        return [Event("AttestationProven", (number, env.sender, starts_at))]

    def expire_challenge(self, env: Env, number: int) -> list[Event]:
        """Nobody answered: half of the bond burns, half is the challenger's, with its deposit."""
        found = self._existing(number)
        if not found.tenure.is_rejected(env.now):
            raise Revert("ChallengeNotOver", number)
        if not found.bond:
            raise Revert("NoBond", number)
        bond, share = found.bond, found.bond // 2
        self.credits[found.challenger] += share + found.deposit
        self.burned += bond - share
        found.bond = found.deposit = 0
        return [Event("AttestationRejected", (number, found.challenger, bond))]

    # --- ends ----------------------------------------------------------------------------------------

    def retire(self, env: Env, number: int) -> list[Event]:
        """The operator's word, after the longest promise that may have been made."""
        found = self._existing(number)
        if env.sender != self.nodes[found.node].operator:
            raise Revert("NotOperator", env.sender)
        ends_at = env.now + self.terms.retire_delay + 1
        end = self._tenure(found).end(env.now, self.terms.max_reach_back)
        if ends_at >= end:
            raise Revert("EndsAlready", number, end)
        found.ends = with_end(found.ends, env.now, ends_at)
        return [Event("AttestationRetired", (number, ends_at))]

    def release_bond(self, env: Env, number: int) -> list[Event]:
        """The bond goes back once no pending receipt hangs on the attestation."""
        found = self._existing(number)
        if not found.bond:
            raise Revert("NoBond", number)
        until = FOREVER if found.tenure.deadline else self._last_use(found)
        if env.now <= until:
            raise Revert("BondHeld", number, until)
        bond, found.bond = found.bond, 0
        self.credits[found.poster] += bond
        return [Event("BondReleased", (number, found.poster, bond))]

    # --- checks --------------------------------------------------------------------------------------

    def _unproven(self, number: int) -> Attestation:
        found = self._existing(number)
        if found.claims is None or found.tenure.proven:
            raise Revert("NothingToProve", number)
        return found

    def _last_use(self, found: Attestation) -> int:
        """The last second in which a receipt that hangs on it can be pending, by its poster's and operator's words.

        A revocation does not free the bond sooner: it may answer the very fraud that the bond stands for.
        """
        own = FOREVER if found.revoked else end_by(found.ends, FOREVER)
        return min(own, found.tenure.until) + self.terms.max_reach_back
