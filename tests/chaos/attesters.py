"""Operators that post attestations, true ones and false ones; what a reorganisation takes they post again."""

from dataclasses import dataclass, replace
from typing import Final

from afterproof.attestation.claims import claims_of
from afterproof.attestation.document import parse
from afterproof.chain.sender import EvmSender
from afterproof.demo.accounts import DevelopmentKey
from afterproof.protocol.attestations import Claims
from afterproof.protocol.signing import Signer
from tests.chaos.cheats import PATIENT
from tests.support.blob_server import Blobs
from tests.support.ground import Ground
from tests.support.nitro_authority import PCRS, Authority, gateway_data
from tests.support.nitro_world import OTHER_PCRS, measurement_of
from tests.support.on_registry import registration

AUTHORITY: Final = Authority(b"chaos")


@dataclass
class Attested:
    """An attestation as it is to stand in the registry."""

    number: int
    sender: EvmSender
    node: Signer
    claims: Claims
    uri: str


class Attesters:
    """Two operators that post attestations of nodes of their own: the ``honest`` one true ones, the ``cheat`` false."""

    def __init__(self, on: Ground, blobs: Blobs, honest: DevelopmentKey, cheat: DevelopmentKey) -> None:
        on.fund(honest.address, cheat.address)
        self.on, self.blobs = on, blobs
        self.honest, self.cheat = (
            EvmSender(on.url, on.deployment, key.private, options=PATIENT) for key in (honest, cheat)
        )
        self.posted: list[Attested] = []

    def attest(self, is_true: bool) -> int:
        """Post an attestation of a new node: of the code that its document says, or of other code. Its number."""
        sender = self.honest if is_true else self.cheat
        node = DevelopmentKey(f"attested node {len(self.posted)}").signer
        at = self.on.reader.head().timestamp
        data = gateway_data(b"tls", node.public_key)
        document = parse(AUTHORITY.issue(at, user_data=data, pcrs=PCRS if is_true else OTHER_PCRS).raw)
        claims = claims_of(document, document.seconds + 40_000, sender.account, sender.account)
        claims = replace(claims, measurement=measurement_of(PCRS))
        name = f"document-{document.hash.hex()[:16]}"
        self.blobs.kept[name] = document.raw
        number = self.on.reader.attestation_count() + 1
        self.posted.append(Attested(number, sender, node, claims, f"{self.blobs.url}/{name}"))
        self.again()
        return number

    def again(self) -> int:
        """Post what the registry has not, or not any more, each under its number; how many those were."""
        missing = [one for one in self.posted if self.on.reader.node(one.node.node) is None]
        for one in missing:
            bond = one.sender.registry_terms().bond
            signature = registration(one.sender, one.node, one.claims)
            number, _ = one.sender.post_attestation(one.claims, one.node.public_key, signature, one.uri, bond)
            assert number == one.number
        return len(missing)
