"""OpenGradientView: our nodes, as OpenGradient's clients ask for them.

deploying
├── when directory and heartbeats are of two registries → it should revert
└── when the greatest age is below a round, or longer than what is kept → it should revert
a node
├── given one that is not listed → it should not be found, and be neither enabled nor active
├── given one that is listed → it should read as registry, directory and heartbeats have it
├── given a payout → that is where it is paid
├── given a listing by its former operator, or a revoked node → it should not be enabled
├── given a reporter that saw it, to the second of the age → it should be active
├── given no reporter, another's report, or a refuted bit → it should not be active
├── given attestations by evidence → its measurement is that of the latest that is live
└── given an OHTTP key configuration → it is read, or left out where clients could not use it
lists
└── given nodes of each state → each list should hold those of its kind, in the directory's order
their clients
├── given web3 and the struct of their Python SDK → it should find the node, with all that it asks for
└── given the shorter struct of their TypeScript SDK → it should find the same
"""

from typing import Any

import pytest

from afterproof.protocol.receipt import keccak
from tests.support.evm import Contract, reverts
from tests.support.liveness import REGISTRY_TERMS, HeartbeatTerms, Liveness, listing
from tests.support.opengradient import discoverable

TERMS = HeartbeatTerms()
MAX_AGE = 1_800
ZERO = "0x" + "00" * 20
X25519_KEY = bytes(range(32))
KEY_CONFIG = bytes.fromhex("010020") + X25519_KEY + bytes.fromhex("000400010003")
NO_OHTTP = (0, 0, 0, 0, b"", b"", 0)


class Stage(Liveness):
    """With the three nodes listed: types 0, 0 and 1. The reporter has its bond."""

    def __init__(self) -> None:
        super().__init__()
        self.directory: Contract = self.deploy_directory()
        self.view = self.evm.deploy("OpenGradientView", self.directory, self.heartbeats, MAX_AGE)
        self.join()
        for index, node_type in enumerate((0, 0, 1)):
            self.enlist(index, node_type=node_type)

    def enlist(self, index: int, **changes: Any) -> None:
        entry = listing(self.signers[index], index, **{"reporter": self.reporter, **changes})
        self.directory.send("list", entry, sender=self.operator)

    def ask(self, fn: str, argument: Any) -> Any:
        return self.view.call(fn, argument)

    def node(self, index: int) -> bytes:
        return self.signers[index].node

    def active(self, index: int) -> bool:
        """By every query that says so, which must agree."""
        found = bool(self.ask("isTEEActive", self.node(index)))
        infos = [info for kind in (0, 1) for info in self.ask("getActiveTEEs", kind)]
        listed = [info for info in infos if keccak(info.publicKey) == self.node(index)]
        assert len(listed) == found
        assert not listed or listed[0] == self.ask("getTEE", self.node(index))
        return found

    def enabled(self, index: int) -> bool:
        """As ``active``."""
        found = bool(self.ask("isTEEEnabled", self.node(index)))
        names = [bytes(name) for kind in (0, 1) for name in self.ask("getEnabledTEEs", kind)]
        assert (self.node(index) in names) is found
        assert self.ask("getTEE", self.node(index)).enabled is found
        return found


@pytest.fixture(scope="module")
def deployed() -> Stage:
    return Stage()


@pytest.fixture
def stage(deployed: Stage) -> Any:
    before = deployed.evm.snapshot()
    yield deployed
    deployed.evm.restore(before)


# --- deploying ------------------------------------------------------------------------------------


def test_deploy_over_two_registries_reverts(stage: Stage) -> None:
    other = stage.evm.deploy("AttestationRegistry", stage.owner, REGISTRY_TERMS, ())
    directory = stage.evm.deploy("Directory", other)
    with pytest.raises(Exception, match=r"BadView.*heartbeats"):
        stage.evm.deploy("OpenGradientView", directory, stage.heartbeats, MAX_AGE)


@pytest.mark.parametrize("age", [0, TERMS.round_length - 1, 200 * TERMS.round_length + 1, 2**256 - 1])
def test_deploy_with_an_age_out_of_bounds_reverts(stage: Stage, age: int) -> None:
    with pytest.raises(Exception, match=r"BadView.*heartbeatMaxAge"):
        stage.evm.deploy("OpenGradientView", stage.directory, stage.heartbeats, age)


# --- a node ---------------------------------------------------------------------------------------


def test_node_that_is_not_listed_is_not_found(stage: Stage) -> None:
    stage.directory.send("unlist", stage.node(0), sender=stage.operator)
    for node in (stage.node(0), bytes(32)):
        with reverts("TEENotFound"):
            stage.ask("getTEE", node)
        assert stage.ask("isTEEActive", node) is stage.ask("isTEEEnabled", node) is False
        assert stage.ask("getTEEPublicKey", node) == b""


def test_node_reads_as_the_three_contracts_have_it(stage: Stage) -> None:
    stage.report(0b1)
    entry = stage.directory.call("listed", stage.node(0)).listing
    info = stage.ask("getTEE", stage.node(0))
    started = stage.registry.call("attestation", 1).startsAt
    assert tuple(info) == (
        stage.operator,
        stage.operator,
        entry.endpoint,
        entry.publicKey,
        entry.tlsCertificate,
        bytes(32),
        0,
        True,
        started,
        stage.now,
        NO_OHTTP,
    )
    assert stage.ask("getTEEPublicKey", stage.node(0)) == stage.signers[0].public_key
    assert stage.view.call("heartbeatMaxAge") == MAX_AGE
    wired = [stage.view.call(name) for name in ("registry", "directory", "heartbeats")]
    assert wired == [stage.registry.address, stage.directory.address, stage.heartbeats.address]


def test_node_with_a_payout_is_paid_there(stage: Stage) -> None:
    stage.registry.send("setPayout", stage.node(0), stage.stranger, sender=stage.operator)
    info = stage.ask("getTEE", stage.node(0))
    assert (info.owner, info.paymentAddress) == (stage.operator, stage.stranger)


def test_node_of_a_new_operator_is_enabled_once_it_lists_it(stage: Stage) -> None:
    stage.report(0b1)
    assert stage.enabled(0) and stage.active(0)
    stage.registry.send("proposeOperator", stage.node(0), stage.stranger, sender=stage.operator)
    stage.registry.send("acceptOperator", stage.node(0), sender=stage.stranger)
    assert not stage.enabled(0) and not stage.active(0)
    entry = listing(stage.signers[0], 0, reporter=stage.reporter)
    stage.directory.send("list", entry, sender=stage.stranger)
    assert stage.enabled(0) and stage.active(0)
    assert stage.ask("getTEE", stage.node(0)).owner == stage.stranger


def test_node_that_was_revoked_is_not_enabled(stage: Stage) -> None:
    stage.report(0b11)
    stage.registry.send("revoke", stage.node(0), stage.now + 5, "lost", sender=stage.owner)
    stage.wait(4)
    assert stage.enabled(0) and stage.active(0)
    stage.wait(1)
    assert not stage.enabled(0) and not stage.active(0)
    assert stage.enabled(1) and stage.active(1)
    assert [bytes(node) for node in stage.ask("getTEEsByType", 0)] == [stage.node(0), stage.node(1)]


def test_node_is_active_to_the_second_of_the_age(stage: Stage) -> None:
    assert stage.ask("getTEE", stage.node(0)).lastHeartbeatAt == 0
    assert not stage.active(0)
    number = stage.round
    stage.report(0b1)
    assert stage.ask("getTEE", stage.node(0)).lastHeartbeatAt == stage.now
    end = (number + 1) * TERMS.round_length - 1
    stage.evm.warp(end + MAX_AGE)
    assert stage.active(0)
    stage.wait(1)
    assert not stage.active(0) and stage.enabled(0)
    assert stage.ask("getTEE", stage.node(0)).lastHeartbeatAt == end


def test_node_that_its_reporter_did_not_see_is_not_active(stage: Stage) -> None:
    stage.join(stage.stranger)
    stage.report(0b1, by=stage.stranger)
    assert not stage.active(0)
    stage.report(0b10)
    assert not stage.active(0) and stage.active(1)
    stage.enlist(1, reporter=ZERO)
    assert not stage.active(1) and stage.enabled(1)
    stage.enlist(0, reporter=stage.stranger)
    assert stage.active(0)


def test_node_whose_bit_was_refuted_is_not_active() -> None:
    stage = Stage()
    stage.report(0b1)
    stage.challenge(stage.round, 0)
    stage.evm.warp(stage.now + TERMS.answer_period)
    view = stage.evm.deploy("OpenGradientView", stage.directory, stage.heartbeats, 200 * TERMS.round_length)
    assert view.call("isTEEActive", stage.node(0)) is True
    stage.wait(1)
    assert view.call("isTEEActive", stage.node(0)) is False


def post(stage: Stage, measurement: bytes, lasting: int) -> None:
    """Attests node 1 by evidence that nobody asks to see; live once the window of an hour has passed."""
    signer, payout = stage.signers[1], stage.challenger
    claims = (1, measurement, stage.now, stage.now + lasting, keccak(b"document"))
    claims += ([b"\1" * 16, *[bytes(16)] * 3], bytes(32), stage.operator, payout)
    digest = stage.registry.call("registrationDigest", signer.node, stage.operator, payout)
    signature = signer.sign_hash(digest)
    bond = stage.registry.call("terms").bond
    stage.registry.send(
        "post", claims, signer.public_key, signature, "uri", sender=stage.operator, value=bond
    )


def test_node_attested_by_evidence_reads_as_its_latest_live_attestation(stage: Stage) -> None:
    first, second = keccak(b"code 1"), keccak(b"code 2")
    stage.registry.send("addEvidence", 1, stage.heartbeats, sender=stage.owner)
    for measurement in (first, second):
        stage.registry.send("allowMeasurement", measurement, 0, "1", "url", sender=stage.owner)
    started = stage.ask("getTEE", stage.node(1)).registeredAt

    def reads() -> bytes:
        info = stage.ask("getTEE", stage.node(1))
        assert info.registeredAt == started
        return bytes(info.pcrHash)

    post(stage, first, 20_000)
    assert reads() == bytes(32)  # the owner's word is what it lives by, until the window has passed
    stage.wait(3_601)
    assert reads() == first
    assert stage.ask("getTEE", stage.node(1)).paymentAddress == stage.challenger
    post(stage, second, 10_000)
    stage.wait(3_600)
    assert reads() == first
    stage.wait(1)
    assert reads() == second
    stage.registry.send("revokeMeasurement", second, stage.now, "broken", sender=stage.owner)
    assert reads() == first
    stage.registry.send("revoke", stage.node(1), stage.now, "lost", sender=stage.owner)
    assert reads() == second and not stage.enabled(1)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (KEY_CONFIG, (1, 0x20, 1, 3, X25519_KEY, KEY_CONFIG)),
        (b"", None),
        (KEY_CONFIG[:-1], None),
        (KEY_CONFIG + b"\0", None),
        (b"\1\0\x10" + KEY_CONFIG[3:], None),  # another key encapsulation
        (KEY_CONFIG[:35] + b"\0\0" + KEY_CONFIG[37:], None),  # no suites
        (KEY_CONFIG[:35] + b"\0\3" + KEY_CONFIG[37:], None),  # three quarters of one
        (KEY_CONFIG[:36] + b"\x08" + KEY_CONFIG[37:], None),  # two that are not there
    ],
)
def test_node_with_a_key_configuration_says_how_to_encrypt_to_it(
    stage: Stage, config: bytes, expected: tuple[Any, ...] | None
) -> None:
    stage.enlist(0, ohttp=config)
    found = stage.ask("getTEE", stage.node(0)).ohttpConfig
    assert tuple(found) == (NO_OHTTP if expected is None else (*expected, stage.now))


def test_node_with_two_suites_reads_as_the_first(stage: Stage) -> None:
    two = KEY_CONFIG[:36] + b"\x08" + bytes.fromhex("0001000300020002")
    stage.enlist(0, ohttp=two)
    found = stage.ask("getTEE", stage.node(0)).ohttpConfig
    assert (found.kdfId, found.aeadId, found.keyConfig) == (1, 3, two)


# --- lists ----------------------------------------------------------------------------------------


def test_lists_hold_the_nodes_of_each_state(stage: Stage) -> None:
    stage.report(0b110)
    nodes = [stage.node(index) for index in range(3)]
    assert [bytes(node) for node in stage.ask("getTEEsByType", 0)] == nodes[:2]
    assert [bytes(node) for node in stage.ask("getEnabledTEEs", 0)] == nodes[:2]
    assert [keccak(info.publicKey) for info in stage.ask("getActiveTEEs", 0)] == nodes[1:2]
    assert [keccak(info.publicKey) for info in stage.ask("getActiveTEEs", 1)] == nodes[2:]
    for query in ("getTEEsByType", "getEnabledTEEs", "getActiveTEEs"):
        assert list(stage.ask(query, 7)) == []
    stage.report(0b111)
    assert [keccak(info.publicKey) for info in stage.ask("getActiveTEEs", 0)] == nodes[:2]


# --- their clients --------------------------------------------------------------------------------


def test_clients_find_the_node_by_their_own_struct() -> None:
    certificate = b"\x30\x82" + bytes(700)
    with discoverable(certificate, KEY_CONFIG) as chain:
        python, typescript = chain.ask(with_ohttp=True), chain.ask(with_ohttp=False)
        (found,) = python.functions.getActiveTEEs(0).call()
        assert keccak(found[3]) == chain.node
        assert (found[2], found[4], found[6], found[7]) == (chain.entry[3], certificate, 0, True)
        assert found[1] == chain.web3.eth.accounts[0]
        assert found[10][:6] == (1, 0x20, 1, 3, X25519_KEY, KEY_CONFIG)
        (shorter,) = typescript.functions.getActiveTEEs(0).call()
        assert shorter == found[:10]
        assert python.functions.getTEE(chain.node).call() == found
        assert typescript.functions.getTEE(chain.node).call() == shorter
        for client in (python, typescript):
            assert client.functions.getEnabledTEEs(0).call() == [chain.node]
            assert client.functions.getTEEsByType(0).call() == [chain.node]
            assert client.functions.isTEEActive(chain.node).call() is True
            assert client.functions.isTEEEnabled(chain.node).call() is True
            assert client.functions.getTEEPublicKey(chain.node).call() == found[3]
            assert client.functions.getActiveTEEs(1).call() == []
