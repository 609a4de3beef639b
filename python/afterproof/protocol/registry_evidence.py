"""Evidence against claims: the document is the one that was posted, and every fact is what was claimed."""

from .attestations import Binding, Claims
from .outcome import Revert
from .receipt import keccak
from .registry_state import NO_NONCE
from .registry_views import RegistryViews


class RegistryEvidence(RegistryViews):
    """What posting with a proof and proving have in common."""

    def _verify(self, claims: Claims, number: int, public_key: bytes, document: bytes, hints: bytes) -> None:
        if keccak(document) != claims.document_hash:
            raise Revert("WrongDocument", number)
        facts = self.evidence[claims.kind](document, hints, public_key)
        for field_, same in (
            ("measurement", facts.measurement == claims.measurement),
            ("documentTime", facts.document_time == claims.document_time),
            ("certificates", facts.certificates == claims.certificates),
        ):
            if not same:
                raise Revert("ClaimDiffers", field_)
        if claims.nonce == NO_NONCE:
            return
        binding = self.measurements[claims.measurement].binding
        by_nonce = binding is not Binding.USER_DATA and facts.nonce == claims.nonce
        by_user_data = binding is not Binding.NONCE and facts.user_word == claims.nonce
        if not by_nonce and not by_user_data:
            raise Revert("ClaimDiffers", "nonce")
