"""A stage for heartbeats and the directory: a registry with nodes of every scheme, a reporter with its bond."""

from dataclasses import astuple, dataclass
from typing import Any

from afterproof.protocol.heartbeat import heartbeat_digest
from afterproof.protocol.terms import ETHER
from tests.support.evm import Contract, Evm
from tests.support.scene import p256_signer, rsa_signer, secp_signer

DAY = 86_400
GWEI = 10**9

#: As `RegistryTerms`: nothing here waits for a proof.
REGISTRY_TERMS = (3_600, 3_600, DAY, 1_800, 3_600, 60, 30 * DAY, ETHER, ETHER // 100, 20_000_000)


@dataclass(frozen=True)
class HeartbeatTerms:
    """`HeartbeatTerms`, in the order of the struct. Seconds and wei."""

    round_length: int = 900
    challenge_window: int = 2 * DAY
    answer_period: int = DAY + 1  # odd, so that its middle is no whole second
    bond: int = ETHER
    slash: int = 2 * ETHER // 5 + 1  # odd, so that half of it is no whole wei
    deposit_floor: int = ETHER // 1_000
    answer_gas: int = 500_000


class Liveness:
    """The contracts, and nodes that account 3 operates, one a scheme; the clock stands 300 s into a round."""

    def __init__(self, terms: HeartbeatTerms | None = None, base_fee: int = 0) -> None:
        self.terms = terms or HeartbeatTerms()
        self.evm = Evm(now=1_700_000_100, base_fee=base_fee)
        accounts = self.evm.accounts
        self.owner, self.reporter, self.challenger, self.operator, self.stranger = accounts[:5]
        self.registry = self.evm.deploy("AttestationRegistry", self.owner, REGISTRY_TERMS, ())
        self.heartbeats = self.evm.deploy("Heartbeats", self.registry, astuple(self.terms))
        self.signers = (rsa_signer(), secp_signer(0), p256_signer())
        for signer in self.signers:
            self.registry.send("endorse", signer.public_key, self.operator, sender=self.owner)
        self.wait(100)

    # --- time ----------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The chain's time, in unix seconds."""
        return self.evm.now

    @property
    def round(self) -> int:
        """The present round."""
        return self.now // self.terms.round_length

    def wait(self, seconds: int) -> None:
        """Lets time pass."""
        self.evm.warp(self.now + seconds)

    def last_second(self, number: int) -> int:
        """Of a round's challenges."""
        return (number + 2) * self.terms.round_length - 1 + self.terms.challenge_window

    # --- actions -------------------------------------------------------------------------------

    def join(self, by: str | None = None, value: int | None = None) -> None:
        """Becomes a reporter with the bond that it takes."""
        value = self.terms.bond if value is None else value
        self.heartbeats.send("join", sender=by or self.reporter, value=value)

    def report(self, *bitmaps: int, number: int | None = None, word: int = 0, by: str | None = None) -> Any:
        """Reports the present round unless another is given."""
        number = self.round if number is None else number
        return self.heartbeats.send("report", number, word, list(bitmaps), sender=by or self.reporter)

    def challenge(self, number: int, index: int, value: int | None = None, by: str | None = None) -> Any:
        """Doubts a bit of the reporter, with the least deposit unless another is given."""
        value = self.heartbeats.call("challengeDeposit") if value is None else value
        who = by or self.challenger
        return self.heartbeats.send("challenge", self.reporter, number, index, sender=who, value=value)

    def answer(
        self,
        number: int,
        index: int,
        timestamp: int | None = None,
        *,
        by: str | None = None,
        key: bytes | None = None,
        signature: bytes | None = None,
        gas: int | None = None,
    ) -> Any:
        """Shows the signature of the node at ``index`` over the round's first second unless something else is given."""
        timestamp = number * self.terms.round_length if timestamp is None else timestamp
        signer = self.signers[index]
        signature = self.sign(index, timestamp) if signature is None else signature
        key = signer.public_key if key is None else key
        arguments = (self.reporter, number, index, timestamp, key, signature)
        return self.heartbeats.send("answer", *arguments, sender=by or self.reporter, gas=gas)

    def sign(self, index: int, timestamp: int) -> bytes:
        """The heartbeat of the node at ``index``."""
        signer = self.signers[index]
        return signer.sign_hash(heartbeat_digest(signer.node, timestamp))

    def expire(self, number: int, index: int, by: str | None = None) -> Any:
        """Settles a challenge that nobody answered."""
        return self.heartbeats.send("expire", self.reporter, number, index, sender=by or self.stranger)

    # --- what is seen --------------------------------------------------------------------------

    def seen(self, number: int, index: int) -> bool:
        """By the reporter."""
        return bool(self.heartbeats.call("seen", self.reporter, number, index))

    def bond(self, who: str | None = None) -> int:
        """What a reporter has at stake."""
        return int(self.heartbeats.call("reporterOf", who or self.reporter).bond)

    def credit(self, who: str) -> int:
        """What heartbeats owe an account."""
        return int(self.heartbeats.call("credits", who))

    def check_money(self, deposits: int = 0) -> None:
        """Every wei that is held is somebody's: a bond, ``deposits``, a credit, or burned."""
        accounts = self.evm.accounts
        held = sum(self.bond(who) + self.credit(who) for who in accounts) + deposits
        assert self.evm.balance(self.heartbeats) == held + self.heartbeats.call("burned")

    def deploy_directory(self) -> Contract:
        """A directory over the registry."""
        return self.evm.deploy("Directory", self.registry)


def listing(
    signer: Any,
    index: int,
    *,
    node_type: int = 0,
    reporter: Any = bytes(20),
    endpoint: str = "https://node.example:8443",
    certificate: bytes = b"\x30" + bytes(900),
    ohttp: bytes = b"",
) -> tuple[Any, ...]:
    """A `Listing`, as its tuple."""
    return (node_type, index, reporter, endpoint, certificate, signer.public_key, ohttp)
