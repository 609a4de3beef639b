"""Accounts and node keys of development chains: derived from their names, so known to everybody. Never real money."""

from dataclasses import dataclass
from functools import cached_property

from ..protocol.receipt import hex0x, keccak
from ..protocol.signing import Secp256k1Signer
from ..protocol.terms import ETHER

FUNDS = 1000 * ETHER


@dataclass(frozen=True)
class DevelopmentKey:
    """The secp256k1 key of whoever plays ``role``."""

    role: str

    @cached_property
    def private(self) -> bytes:
        """The secret that is none."""
        return keccak(f"Afterproof development key: {self.role}".encode())

    @cached_property
    def signer(self) -> Secp256k1Signer:
        """Signs receipts with it."""
        return Secp256k1Signer(self.private)

    @property
    def address(self) -> bytes:
        """Its account's 20 bytes."""
        return self.signer.address

    @property
    def environment(self) -> dict[str, str]:
        """How a process is handed it as its account: not on the command line, where others could read it."""
        return {"AFTERPROOF_PRIVATE_KEY": hex0x(self.private)}


OWNER = DevelopmentKey("owner")
VERIFIER = DevelopmentKey("verifier")
USER = DevelopmentKey("user")
"""Nobody in the demo: an account for whoever develops against a devnet."""
