"""`afterproof attestation` on a chain: posted, looked at, challenged, proven, ended; over the in-memory chain.

post
├── an honest document with the key's file → posted, live after its window; --dry-run changes nothing
├── with a signature from elsewhere → the same; a wrong or missing one → what is to be signed
├── with --proven, carrying a nonce → live from the next second; carrying none → a sentence
└── a document that does not hold, is too old, of other code, hangs on what was revoked → which rule, and nothing sent
challenge
├── a false one, a withheld one → why, the deposit, the deadline; --dry-run changes nothing
├── an honest one → refused, unless --anyway
└── twice, the owner's word, one that is not there → a sentence
prove
├── from its address or a file; in one transaction or with certificates before, told one by one
├── that broke off → it goes on where it was
└── by a document that does not prove it, twice, too late → a sentence
show, list, retire, release, expire → as the registry has them, for people and programs
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from afterproof.attestation.proof import paths
from afterproof.errors import SendFailed
from afterproof.protocol.attestations import Assurance, AttestationState, Binding
from afterproof.protocol.receipt import hex0x
from afterproof.protocol.signing import RsaPssSigner
from afterproof.protocol.terms import ETHER
from tests.support.cli import Ran, run
from tests.support.nitro_authority import INSTANCE, PCRS, Authority, gateway_data
from tests.support.nitro_world import AUTHORITY, OTHER_PCRS, URL, Attested, measurement_of
from tests.support.on_chain import OnChain, refused
from tests.support.scene import rsa_signer
from tests.support.world import OPERATOR, OWNER, RIVAL, World

DEPOSIT = ETHER // 100 * 9 // 8
NODE: RsaPssSigner = rsa_signer()


class Scene:
    """A world with Nitro evidence, files in its folder, and command lines whose fetches come from its shelf."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.attested = Attested(self.world)
        self.folder = folder
        secret = NODE._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.key = self.file("node.pem", secret)

    def __call__(self, account: bytes, *arguments: str) -> Ran:
        session = OnChain(self.world, account)
        session.__dict__["fetcher"] = self.attested.documents
        return run("attestation", *arguments, session=session)

    def did(self, account: bytes, *arguments: str) -> Any:
        ran = self(account, *arguments, "--json")
        assert (ran.status, ran.err) == (0, ""), ran
        return ran.json

    def refused(self, account: bytes, *arguments: str) -> str:
        view = self.world.chain.account_view(account)
        before = len(view.events(0, 10**6))
        said = refused(self(account, *arguments))
        assert len(view.events(0, 10**6)) == before
        return said

    def file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def document(self, **given: Any) -> str:
        """A file with a document of the node, served at URL."""
        self.issued = self.attested.document(NODE, **given)
        self.attested.documents.shelf[URL] = self.issued.raw
        return self.file("document.cose", self.issued.raw)

    def posted(self) -> int:
        """An honest attestation of the node."""
        post = ("post", self.document(), "--key", self.key, "--uri", URL)
        return int(self.did(OPERATOR, *post)["attestation"])


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def assurance(scene: Scene) -> Assurance:
    return scene.world.chain.account_view(OWNER).assurance(NODE.node, scene.world.now)


# --- post -------------------------------------------------------------------------------------------


def test_post_honest_isLiveAfterItsWindow(scene: Scene) -> None:
    post = ("post", scene.document(), "--key", scene.key, "--uri", URL)
    rehearsed = scene(OPERATOR, *post, "--dry-run")
    assert (
        rehearsed.out.startswith("Would post attestation 3 of node ")
        and "for a bond of 0.1 ether" in rehearsed.out
    )
    assert scene.attested.state(3) is AttestationState.NONE
    told = scene(OPERATOR, *post)
    assert (
        told.status == 0
        and "Posted attestation 3" in told.out
        and "unless it is challenged, it is live" in told.out
    )
    answer = scene.did(RIVAL, "show", "3")
    assert (answer["state"], answer["operator"], answer["uri"]) == ("POSTED", hex0x(OPERATOR), URL)
    assert answer["document"] == hex0x(scene.issued.hash) and len(answer["certificates"]) == 4
    assert assurance(scene) is Assurance.NONE
    scene.world.wait(scene.attested.terms.window + 1)
    assert assurance(scene) is Assurance.UNCHALLENGED


def test_post_json_hasWhatWasClaimed(scene: Scene) -> None:
    document = scene.document()
    until = scene.world.now + 1000
    payout = "0x" + "77" * 20
    answer = scene.did(
        OPERATOR,
        "post",
        document,
        "--key",
        scene.key,
        "--uri",
        URL,
        "--until",
        str(until),
        "--payout",
        payout,
    )
    assert answer["attestation"] == 3 and answer["attested_until"] == until and answer["payout"] == payout
    assert answer["live_from"] == scene.world.now + scene.attested.terms.window + 1
    assert (
        answer["node"] == hex0x(NODE.node) and answer["bond_wei"] == ETHER // 10 and answer["nonce"] is None
    )


def test_post_signedElsewhere_isPosted(scene: Scene) -> None:
    public = "0x" + NODE.public_key.hex()
    post = ("post", scene.document(), "--key", public, "--uri", URL)
    asked = scene.refused(OPERATOR, *post)
    assert "names a public key alone: have its owner sign the digest 0x" in asked
    digest = bytes.fromhex(asked.split("the digest 0x")[1][:64])
    wrong = NODE.sign_hash(bytes(32)).hex()
    assert "--signature is not the key's" in scene.refused(OPERATOR, *post, "--signature", wrong)
    scene.did(OPERATOR, *post, "--signature", hex0x(NODE.sign_hash(digest)))
    assert scene.attested.state(3) is AttestationState.POSTED


def test_post_whoseDocumentNobodyCanFetch_warns(scene: Scene) -> None:
    post = ("post", scene.document(), "--key", scene.key, "--uri")
    gone = scene(OPERATOR, *post, URL + "/gone", "--dry-run")
    assert gone.status == 0 and "warning: the document cannot be fetched" in gone.err
    scene.attested.documents.shelf[URL + "/other"] = b"other"
    assert "is not this document" in scene(OPERATOR, *post, URL + "/other", "--dry-run").err
    assert scene(OPERATOR, "post", scene.document(), "--key", scene.key).status == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"authority": Authority(b"stranger")}, "the document does not hold, and would be challenged: root"),
        ({"user_data": None}, "key: the document names another key, or none"),
        ({"pcrs": {**PCRS, 0: bytes(48)}}, "debug: PCR0 all zeros"),
        ({"pcrs": {**PCRS, 0: b"\x01" * 48}}, "was never allowed"),
        ({"pcrs": {1: b"\x01" * 48}}, "pcrs must hold PCR0, PCR1 and PCR2"),
    ],
)
def test_post_falseDocument_namesTheRule(scene: Scene, given: dict[str, Any], said: str) -> None:
    assert said in scene.refused(OPERATOR, "post", scene.document(**given), "--key", scene.key, "--uri", URL)


def test_post_againstTheRegistrysRules_namesThem(scene: Scene) -> None:
    document = scene.document()
    post = ("post", document, "--key", scene.key, "--uri", URL)
    assert "--until must be after" in scene.refused(OPERATOR, *post, "--until", str(scene.world.now - 5))
    assert "cannot pay for" in scene.refused(b"\x31" * 20, *post)
    scene.world.wait(scene.attested.terms.max_document_age + 1)
    assert "may be 600 seconds old at most" in scene.refused(OPERATOR, *post)
    scene.document()
    scene.world.chain.account_view(OWNER).revoke_measurement(measurement_of(PCRS), scene.world.now, "broken")
    scene.world.wait(1)
    assert "was revoked: `afterproof measurement list`" in scene.refused(OPERATOR, *post)


def test_post_onARevokedCertificate_namesIt(scene: Scene) -> None:
    from afterproof.attestation.verify import read_chain
    from afterproof.protocol.receipt import keccak

    document = scene.document()
    instance: Any = read_chain(scene.issued)[INSTANCE]
    owner = scene.world.chain.account_view(OWNER)
    owner.revoke_certificate(keccak(instance.issuer_der), instance.serial, scene.world.now, "leaked")
    scene.world.wait(1)
    said = scene.refused(OPERATOR, "post", document, "--key", scene.key, "--uri", URL)
    assert "revocation: cabundle[3]" in said and "is revoked" in said


def test_post_proven_isLiveFromTheNextSecond(scene: Scene) -> None:
    pcrs = {**PCRS, 0: b"\x0e" * 48}
    owner = scene.world.chain.account_view(OWNER)
    owner.allow_measurement(measurement_of(pcrs), Binding.NONCE, "2", "git:2")
    bare = ("post", scene.document(pcrs=pcrs), "--key", hex0x(NODE.public_key), "--proven")
    assert "carries no nonce where its measurement's binding has it" in scene.refused(OPERATOR, *bare)
    assert "Would open a nonce" in scene(OPERATOR, "nonce", "open", "--dry-run").out
    nonce = scene.did(OPERATOR, "nonce", "open")["nonce"]
    post = ("post", scene.document(pcrs=pcrs, nonce=bytes.fromhex(nonce[2:])), *bare[2:])
    assert "Would post a proven attestation" in scene(OPERATOR, *post, "--dry-run").out
    ran = scene(OPERATOR, *post)
    assert ran.status == 0 and "computing hints" in ran.err and "Posted attestation 3, proven" in ran.out
    scene.world.wait(1)
    assert assurance(scene) is Assurance.PROVEN


def test_post_provenWhereNoNonceBinds_saysSo(scene: Scene) -> None:
    nonce = scene.did(OPERATOR, "nonce", "open")["nonce"]
    document = scene.document(nonce=bytes.fromhex(nonce[2:]))
    said = scene.refused(OPERATOR, "post", document, "--key", scene.key, "--proven")
    assert "do not say who operates the node" in said


# --- challenge --------------------------------------------------------------------------------------


def test_challenge_ofAFalseOne_saysWhy(scene: Scene) -> None:
    number = str(scene.attested.post(claimed={"measurement": measurement_of(OTHER_PCRS)}))
    rehearsed = scene(RIVAL, "challenge", number, "--dry-run").out
    assert rehearsed.startswith(f"Would challenge attestation {number} of node")
    assert "claims differ from what it says: measurement" in rehearsed
    told = scene.did(RIVAL, "challenge", number)
    assert told["document"] == "does not prove it" and "measurement" in told["why"]
    assert (told["deposit_wei"], told["deadline"]) == (
        DEPOSIT,
        scene.world.now + scene.attested.terms.proof_period,
    )
    assert "is challenged" in scene.refused(RIVAL, "challenge", number)
    shown = scene(RIVAL, "show", number).out
    assert "CONTESTED" in shown and "to be proven until" in shown


def test_challenge_ofAWithheldOne_saysSo(scene: Scene) -> None:
    number = str(scene.attested.post(on_shelf=b""))
    told = scene.did(RIVAL, "challenge", number, "--deposit", "0.02ether")
    assert told["document"] == "withheld" and "its document cannot be had" in told["why"]
    assert told["deposit_wei"] == ETHER // 50


def test_challenge_ofAnHonestOne_isRefusedUnlessAnyway(scene: Scene) -> None:
    number = str(scene.posted())
    assert "whoever sends it would get your deposit" in scene.refused(RIVAL, "challenge", number)
    assert scene.did(RIVAL, "challenge", number, "--anyway")["why"] is None


def test_challenge_ofWhatCannotBe_saysWhy(scene: Scene) -> None:
    assert "is the owner's word" in scene.refused(RIVAL, "challenge", "1")
    assert "there is no attestation 9: there are 2" in scene.refused(RIVAL, "challenge", "9")
    number = str(scene.posted())
    small = scene.refused(RIVAL, "challenge", number, "--anyway", "--deposit", "1gwei")
    assert "a challenge takes 0.01 ether at the present base fee" in small


# --- prove ------------------------------------------------------------------------------------------


def test_prove_challenged_earnsTheDeposit(scene: Scene) -> None:
    number = str(scene.posted())
    scene.did(RIVAL, "challenge", number, "--anyway")
    assert "Would prove attestation 3" in scene(OPERATOR, "prove", number, "--dry-run").out
    ran = scene(OPERATOR, "prove", number)
    assert ran.status == 0 and "the challenge's deposit of 0.01125 ether is yours" in ran.out
    assert f"the document at {URL} proves attestation 3" in ran.err
    assert scene.attested.state(3) is AttestationState.PROVEN
    assert "attestation 3 is proven: there is nothing to prove" in scene.refused(OPERATOR, "prove", number)
    assert scene.world.chain.account_view(OPERATOR).registry_credits(OPERATOR) == DEPOSIT


def test_prove_withLittleGas_provesCertificatesFirst(scene: Scene) -> None:
    number = str(scene.posted())
    rehearsed = scene(OPERATOR, "prove", number, "--gas", "3000000", "--dry-run")
    assert "after 5 certificates in transactions of their own" in rehearsed.out
    ran = scene(OPERATOR, "prove", number, "--gas", "3000000")
    assert ran.status == 0 and "proved certificate 5 of 5 in block" in ran.err and "100,000 gas" in ran.err
    assert scene.attested.state(3) is AttestationState.PROVEN


def test_prove_thatBrokeOff_goesOn(scene: Scene) -> None:
    number = str(scene.posted())
    session = OnChain(scene.world, OPERATOR)
    chain, left = session.sender, [2]

    class Breaking:
        def __getattr__(self, name: str) -> Any:
            return getattr(chain, name)

        def prove_certificate(self, *arguments: Any) -> Any:
            if not left[0]:
                raise SendFailed("the account cannot pay for the transaction")
            left[0] -= 1
            return chain.prove_certificate(*arguments)

    session.__dict__.update(sender=Breaking(), fetcher=scene.attested.documents)
    broken = run("attestation", "prove", number, "--gas", "3000000", session=session)
    assert broken.status == 1 and broken.err.endswith("error: the account cannot pay for the transaction\n")
    known = chain.proven_certificates(1, paths(scene.issued))
    assert len(known) == 2
    again = scene(OPERATOR, "prove", number, "--gas", "3000000")
    assert again.status == 0 and "2 of 5 certificates are proven already" in again.err
    assert "proved certificate 3 of 3" in again.err
    told = scene.did(OPERATOR, "show", number)
    assert told["state"] == "PROVEN"


def test_prove_byAFile_whereTheAddressIsSilent(scene: Scene) -> None:
    number = str(scene.posted())
    scene.attested.documents.missing = True
    assert "its document cannot be had: nobody answers" in scene.refused(RIVAL, "prove", number)
    other = scene.file("other.cose", scene.attested.document(NODE, nonce=b"other").raw)
    assert "its hash is another" in scene.refused(RIVAL, "prove", number, "--document", other)
    file = str(scene.folder / "document.cose")
    answer = scene.did(RIVAL, "prove", number, "--document", file)
    assert len(answer["transactions"]) == 1 and answer["deposit_wei"] == 0


def test_prove_ofAFalseOne_saysWhatDiffers(scene: Scene) -> None:
    claims = scene.attested.claims(scene.attested.document(NODE))
    number = str(scene.attested.post(claimed={"document_time": claims.document_time - 9}))
    assert "claims differ from what it says: time" in scene.refused(OPERATOR, "prove", number)


def test_prove_tooLate_saysSince(scene: Scene) -> None:
    number = str(scene.posted())
    scene.did(RIVAL, "challenge", number, "--anyway")
    scene.world.wait(scene.attested.terms.proof_period + 1)
    assert "attestation 3 is rejected: it could be proven until" in scene.refused(OPERATOR, "prove", number)
    told = scene.did(OWNER, "expire", number)
    assert (told["slashed_wei"], told["challenger"]) == (ETHER // 10, hex0x(RIVAL))
    assert "its bond has gone" in scene.refused(OWNER, "expire", number)


# --- how they stand ---------------------------------------------------------------------------------


def test_show_checked_saysWhetherTheDocumentProvesIt(scene: Scene) -> None:
    number = str(scene.posted())
    ran = scene(RIVAL, "show", number, "--check")
    assert ran.status == 0 and "proves it" in ran.out
    scene.attested.documents.missing = True
    ran = scene(RIVAL, "show", number, "--check", "--json")
    assert ran.status == 1 and ran.json["document_verdict"] == "withheld"
    assert scene.did(RIVAL, "show", "1")["state"] == "ENDORSED"
    assert "there is no attestation 8" in scene.refused(RIVAL, "show", "8")


def test_show_findsAnAttestation_whateverBecameOfIt(scene: Scene) -> None:
    number = str(scene.posted())
    scene.world.wait(7)
    scene.did(RIVAL, "challenge", number, "--anyway")  # it has no start now
    for _ in range(3):
        scene.world.wait(1)
    assert scene.did(RIVAL, "show", number)["document"] == hex0x(scene.issued.hash)
    scene.did(OPERATOR, "prove", number)  # another start
    assert scene.did(RIVAL, "show", number)["document"] == hex0x(scene.issued.hash)


def test_list_isNewestFirstAndByState(scene: Scene) -> None:
    assert "ENDORSED" in scene(RIVAL, "list").out
    scene.posted()
    listed = scene.did(RIVAL, "list")["attestations"]
    assert [each["attestation"] for each in listed] == [3, 2, 1]
    assert [each["attestation"] for each in scene.did(RIVAL, "list", "--last", "1")["attestations"]] == [3]
    posted = scene.did(RIVAL, "list", "--state", "posted")["attestations"]
    assert [each["state"] for each in posted] == ["POSTED"]
    own = scene.did(RIVAL, "list", "--node", hex0x(NODE.node))["attestations"]
    assert [each["attestation"] for each in own] == [3]
    assert "There is no such attestation." in scene(RIVAL, "list", "--state", "rejected").out


def test_retire_andRelease_giveTheBondBack(scene: Scene) -> None:
    number = str(scene.posted())
    assert "only the node's operator may do this" in scene.refused(RIVAL, "retire", number)
    assert "Would retire attestation 3" in scene(OPERATOR, "retire", number, "--dry-run").out
    ends = scene.did(OPERATOR, "retire", number)["ends_at"]
    assert "is held until" in scene.refused(RIVAL, "release", number)
    scene.world.wait(ends + scene.attested.terms.max_reach_back + 1 - scene.world.now)
    assert scene.did(RIVAL, "release", number)["amount_wei"] == ETHER // 10
    assert scene.world.chain.account_view(OPERATOR).registry_credits(OPERATOR) == ETHER // 10


def test_scene_authority_isTheOneThatIsPinned(scene: Scene) -> None:
    view = scene.world.chain.account_view(OWNER)
    assert view.evidence_root(1) == AUTHORITY.root_hash and view.evidence_root(2) is None
    assert replace(scene.attested.claims(scene.attested.document(NODE)), nonce=bytes(32)).kind == 1
    assert gateway_data(b"tls", NODE.public_key) == scene.attested.document(NODE).user_data
