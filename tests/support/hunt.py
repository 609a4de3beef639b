"""A hunt for a bounty: the stage for the tests of RobustnessBounty."""

from dataclasses import replace
from typing import Any

from afterproof.protocol.batching import Batch
from afterproof.protocol.receipt import ZERO, Leaf
from afterproof.protocol.signing import Signer
from afterproof.protocol.terms import ETHER
from tests.support.evm import Contract
from tests.support.placed import Placed, answered, fooled, placed
from tests.support.scene import Scene, secp_signer

ENDORSED, UNCHALLENGED = 1, 2
TOLERANCE, REWARD, ADVANCE, LIFE = 2, 5 * ETHER, ETHER, 1_000
PICTURE, LABEL, NUDGED, DIGIT = fooled(TOLERANCE)


def bounty_of(**changes: Any) -> dict[str, Any]:
    """A bounty as the ABI's `Bounty`: on one node's answers, advanced on lane 1."""
    plain = {"picture": PICTURE, "node": secp_signer().node, "model": ZERO, "label": LABEL}
    return (
        plain
        | {"tolerance": TOLERANCE, "assurance": ENDORSED, "lane": 1, "advance": ADVANCE, "endsAt": 0}
        | changes
    )


class Hunt:
    """A scene with a bounty on the secp256k1 node's answers, advanced on lane 1; lane 2 is a stranger's."""

    def __init__(self) -> None:
        self.scene = scene = Scene()
        scene.pair.act("open_lane", scene.stranger, scene.poster, scene.poster, 0, value=10 * ETHER)
        self.evm = scene.pair.evm
        self.sponsor, self.hunter, self.rival, self.anyone = self.evm.accounts[6:10]
        self.ends_at = scene.now + LIFE
        self.bounty = self.deploy()

    def deploy(self, value: int = REWARD, **changes: Any) -> Contract:
        about = bounty_of(**{"endsAt": self.ends_at} | changes)
        settlement = self.scene.pair.settlement
        return self.evm.deploy("RobustnessBounty", settlement, about, sender=self.sponsor, value=value)

    def ask(self, by: Any = None) -> bytes:
        return self.bounty.send("ask", sender=by or self.hunter).value

    def answer(self, nonce: bytes, signer: Signer | None = None, picture: bytes = NUDGED) -> Leaf:
        """What the node's gateway answers to the request that the contract writes."""
        body = self.bounty.call("requestBody", nonce, picture)
        return answered(self.scene, body, signer)[0]

    def forged(self, nonce: bytes) -> Leaf:
        return replace(self.answer(nonce), signature=b"never signed")

    def claim(self, nonce: bytes, at: Placed, picture: bytes = NUDGED, digit: int = DIGIT) -> None:
        self.bounty.send("claim", nonce, picture, digit, at, sender=self.anyone)

    def posted(self, *leaves: Leaf, lane: int = 1) -> Placed:
        return placed(self.scene.post(*leaves, lane=lane))

    def batch(self, at: Placed) -> Batch:
        return self.scene.batches[at[0]]

    def kept(self) -> tuple[bytes, Placed]:
        """A question whose good answer was handed in while Posted."""
        nonce = self.ask()
        at = self.posted(self.answer(nonce))
        self.claim(nonce, at)
        return nonce, at

    def lost(self) -> tuple[bytes, Placed]:
        """A question whose forged answer was handed in while Posted, and proven."""
        nonce = self.ask()
        at = self.posted(self.forged(nonce))
        self.claim(nonce, at)
        self.scene.prove(self.batch(at), 0)
        return nonce, at

    def end_window(self, at: Placed) -> None:
        self.scene.end_window(self.batch(at))

    def credit(self, account: Any) -> int:
        return self.bounty.call("credits", account)

    def check_money(self) -> None:
        """Everything held is somebody's."""
        accounts = (self.sponsor, self.hunter, self.rival, self.anyone)
        owed = sum(map(self.credit, accounts)) + self.bounty.call("reward")
        assert self.evm.balance(self.bounty) == owed
