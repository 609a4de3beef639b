"""Attestations in the small world: evidence under the tests' authority, a shelf of documents, and who posts them.

attested = Attested(World(tmp_path))
number = attested.post()                       # an honest one: its document is on the shelf
number = attested.post(claimed={"measurement": OTHER})
"""

import hashlib
from dataclasses import replace
from functools import cached_property
from typing import Any

from afterproof.attestation.claims import NITRO, claims_of
from afterproof.attestation.document import Document, parse
from afterproof.chain.memory_evidence import NitroVerifier
from afterproof.data import Source
from afterproof.errors import DataUnavailable
from afterproof.protocol.attestations import AttestationState, Binding, Claims
from afterproof.protocol.receipt import keccak
from afterproof.protocol.signing import Signer
from afterproof.protocol.terms import ETHER
from tests.support.nitro_authority import PCRS, Authority, gateway_data
from tests.support.on_registry import registration
from tests.support.scene import secp_signer
from tests.support.world import OPERATOR, OWNER, World

AUTHORITY = Authority(b"world")
OTHER_PCRS = {**PCRS, 0: hashlib.sha384(b"another image").digest()}
URL = "https://documents.test"


def measurement_of(pcrs: dict[int, bytes]) -> bytes:
    """What the registry calls these registers."""
    return keccak(b"".join(pcrs[index] for index in (0, 1, 2)))


PROBE = "https://probe.test/"
"""What answers whenever a verifier's network works."""


class Documents(Source):
    """Where documents are fetched: a shelf by address. ``missing`` addresses do not answer."""

    def __init__(self) -> None:
        self.shelf: dict[str, bytes] = {}
        self.is_connected = True
        self.missing = False
        self.fetched: list[str] = []

    def fetch(self, uri: str, at_most: int) -> bytes:
        """Implements :meth:`Source.fetch`."""
        if uri == PROBE and self.is_connected:
            return b"here"
        self.fetched.append(uri)
        if self.missing or uri not in self.shelf:
            raise DataUnavailable("nobody answers")
        if len(self.shelf[uri]) > at_most:
            raise DataUnavailable(f"more than {at_most} bytes")
        return self.shelf[uri]


class Attested:
    """A world whose registry knows Nitro evidence and one measurement; the operator has money for bonds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.documents = Documents()
        world.shelf = self.documents  # type: ignore[assignment]
        world.config = replace(world.config, verifier=replace(world.config.verifier, probe=PROBE))
        world.chain.fund(OPERATOR, 100 * ETHER)
        owner = world.chain.account_view(OWNER)
        owner.add_evidence(NITRO, world.chain.verifiers.place(NitroVerifier(AUTHORITY.root_hash)))
        for pcrs in (PCRS, OTHER_PCRS):
            owner.allow_measurement(measurement_of(pcrs), Binding.KEY, "1", "git:1")
        self._keys = 20

    @cached_property
    def terms(self) -> Any:
        """The registry's terms."""
        return self.world.chain.account_view(OWNER).registry_terms()

    def key(self) -> Signer:
        """A key that no node has yet."""
        self._keys += 1
        return secp_signer(self._keys)

    def document(self, node: Signer, authority: Authority = AUTHORITY, **given: Any) -> Document:
        """A document of now that names the node's key; ``given`` as :meth:`Authority.issue` takes it."""
        fields = {"user_data": gateway_data(b"tls", node.public_key), **given}
        return parse(authority.issue(self.world.now, **fields).raw)

    def post(
        self,
        document: Document | None = None,
        signer: Signer | None = None,
        claimed: dict[str, Any] | None = None,
        on_shelf: bytes | None = None,
        operator: bytes = OPERATOR,
    ) -> int:
        """Posts an attestation on ``document`` (honest unless given), with ``claimed`` in place of what it says.

        ``on_shelf`` is what its address answers: the document unless given, nothing where empty.
        """
        signer = signer or self.key()
        document = document or self.document(signer)
        claims = replace(self.claims(document, operator), **(claimed or {}))
        chain = self.world.chain.account_view(operator)
        uri = f"{URL}/{document.hash.hex()[:8]}"
        if on_shelf != b"":
            self.documents.shelf[uri] = on_shelf or document.raw
        bond = chain.registry_terms().bond
        number, _ = chain.post_attestation(
            claims, signer.public_key, registration(chain, signer, claims), uri, bond
        )
        return number

    def claims(self, document: Document, operator: bytes = OPERATOR) -> Claims:
        """What the document says, for almost the longest time that may be claimed."""
        return claims_of(document, document.seconds + self.terms.max_attested_for - 60, operator, operator)

    def state(self, number: int) -> AttestationState:
        """Where an attestation stands on the chain."""
        return self.world.chain.account_view(OWNER).state_of(number)
