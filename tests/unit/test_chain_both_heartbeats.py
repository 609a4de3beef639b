"""What must hold of ``Heartbeats`` on every chain, told of the in-memory one and of a real node alike.

HeartbeatSender
├── join: the bond grows; too small a bond: refused
├── report: bits add up; without a bond, of another round, of nothing: refused
├── challenge: open until answered; of no reported bit, twice, with too small a deposit: refused
└── answer: shows the signature; of no challenge, another time, another key, a wrong signature, too late: refused
"""

from collections.abc import Iterator
from typing import Any

import pytest

from afterproof.errors import CallReverted
from afterproof.protocol.heartbeat import heartbeat_digest
from tests.support.chains import EvmStage, MemoryStage, Stage, deployed_anvil, restored
from tests.support.scene import rsa_signer

SIGNER = rsa_signer()


@pytest.fixture(scope="module")
def node() -> Iterator[Any]:
    with deployed_anvil() as running:
        yield running


@pytest.fixture(params=["memory", "evm"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    if request.param == "memory":
        yield MemoryStage()
    else:
        url, deployment = request.getfixturevalue("node")
        with restored(url):
            yield EvmStage(url, deployment)


def refused(action: Any, *arguments: Any) -> str:
    with pytest.raises(CallReverted) as caught:
        action(*arguments)
    return caught.value.error


def begun(stage: Stage) -> int:
    """The number of a round whose first second the newest block has."""
    length = stage.relayer.heartbeat_terms().round_length
    stage.until((stage.now // length + 1) * length)
    return stage.now // length


def test_join_and_report(stage: Stage) -> None:
    chain, me = stage.relayer, stage.relayer.account
    terms = chain.heartbeat_terms()
    number = begun(stage)
    assert refused(chain.report_heartbeats, number, 0, [1]) == "BondTooSmall"
    assert refused(chain.join_reporters, terms.bond - 1) == "BondTooSmall"
    chain.join_reporters(terms.bond)
    chain.join_reporters(5)
    state = chain.reporter(me)
    assert (state.bond, state.open_challenges, state.left_at) == (terms.bond + 5, 0, 0)
    chain.report_heartbeats(number, 0, [0b101, 1 << 255])
    chain.report_heartbeats(number, 0, [0b10])
    chain.report_heartbeats(number - 1, 1, [7])
    assert refused(chain.report_heartbeats, number + 2, 0, [1]) == "UntimelyRound"
    assert refused(chain.report_heartbeats, number - 2, 0, [1]) == "UntimelyRound"
    assert refused(chain.report_heartbeats, number, 0, []) == "NothingReported"
    words = [(number, 0), (number, 1), (number - 1, 1), (number - 1, 0), (number - 3, 0)]
    assert [chain.heartbeat_bitmap(me, *word) for word in words] == [0b111, 1 << 255, 7, 0, 0]
    assert chain.heartbeat_bitmap(stage.owner.account, number, 0) == 0


def test_challenge_and_answer(stage: Stage) -> None:
    chain, rival, me = stage.relayer, stage.prover, stage.relayer.account
    terms = chain.heartbeat_terms()
    stage.owner.endorse(SIGNER.public_key, stage.poster.account)
    place = chain.nodes().index(SIGNER.node)
    number = begun(stage)
    at = stage.now
    signature = SIGNER.sign_hash(heartbeat_digest(SIGNER.node, at))
    shown = (me, number, place, at, SIGNER.public_key, signature)
    chain.join_reporters(terms.bond)
    deposit = 10 * terms.deposit_floor
    assert refused(rival.challenge_heartbeat, me, number, place, deposit) == "NotReported"
    chain.report_heartbeats(number, 0, [1 << place])
    assert refused(rival.challenge_heartbeat, me, number, place, 1) == "DepositTooSmall"
    assert refused(chain.answer_heartbeat, *shown) == "NotChallenged"
    assert chain.heartbeat_deadline(me, number, place) is None
    landed = rival.challenge_heartbeat(me, number, place, deposit)
    block = chain.block(landed.block)
    assert block is not None
    assert chain.heartbeat_deadline(me, number, place) == block.timestamp + terms.answer_period
    assert chain.reporter(me).open_challenges == 1
    assert refused(rival.challenge_heartbeat, me, number, place, deposit) == "AlreadyChallenged"
    later = at + terms.round_length
    assert refused(chain.answer_heartbeat, *shown[:3], later, *shown[4:]) == "NotInRound"
    other = b"\x01" * 20
    assert refused(chain.answer_heartbeat, *shown[:4], bytes(12) + other, signature) == "WrongKey"
    assert refused(chain.answer_heartbeat, *shown[:5], bytes(256)) == "NotSigned"
    chain.answer_heartbeat(*shown)
    assert chain.reporter(me).open_challenges == 0
    assert chain.heartbeat_deadline(me, number, place) is None
    assert refused(chain.answer_heartbeat, *shown) == "NotChallenged"
    assert refused(rival.challenge_heartbeat, me, number, place, deposit) == "AlreadyChallenged"


def test_answer_that_comes_late_is_refused(stage: Stage) -> None:
    chain, rival, me = stage.relayer, stage.prover, stage.relayer.account
    terms = chain.heartbeat_terms()
    stage.owner.endorse(SIGNER.public_key, stage.poster.account)
    place = chain.nodes().index(SIGNER.node)
    number = begun(stage)
    at = stage.now
    signature = SIGNER.sign_hash(heartbeat_digest(SIGNER.node, at))
    chain.join_reporters(terms.bond)
    chain.report_heartbeats(number, 0, [1 << place])
    rival.challenge_heartbeat(me, number, place, 10 * terms.deposit_floor)
    deadline = chain.heartbeat_deadline(me, number, place)
    assert deadline is not None
    stage.until(deadline)
    stage.at(deadline + 1)
    assert refused(chain.answer_heartbeat, me, number, place, at, SIGNER.public_key, signature) == "TooLate"
