"""`afterproof attestation`: a document inspected and verified, for people and programs.

inspect
├── when the file holds a document, raw or in Base64, or standard input does → it should show what it says
├── when a certificate of it cannot be read → it should show the rest
└── when it holds none → it should say which field breaks which rule, and end with 1
verify
├── when all that is demanded holds → it should say so and end with 0
├── when anything fails → it should name it and end with 1
└── when an option is wrong → it should say how, and end with 2 or 1
"""

import base64
import hashlib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from afterproof.attestation.checks import Check
from afterproof.cli.app import attestation
from tests.support.cli import run
from tests.support.nitro_authority import PCRS, Authority, gateway_data

AT = 1_770_918_962
AUTHORITY = Authority(b"cli")
ADDRESS = bytes.fromhex("70997970c51812dc3a010c7d01b50e0d17dc79c8")
KEY = bytes(12) + ADDRESS
NONCE = b"\x5a" * 20
DATA = gateway_data(b"tls", KEY)
ISSUED = AUTHORITY.issue(AT, user_data=DATA, nonce=NONCE)
ROOT = ("--root", AUTHORITY.root_hash.hex())


@pytest.fixture
def document(tmp_path: Path) -> str:
    path = tmp_path / "document.cose"
    path.write_bytes(ISSUED.raw)
    return str(path)


def test_inspect_shows_what_a_document_says(document: str) -> None:
    ran = run("attestation", "inspect", document)
    assert (ran.status, ran.err) == (0, "")
    for shown in (
        AUTHORITY.module_id, "2026-02-12 17:56:02Z and 724 ms", PCRS[0].hex(), "enclave image", DATA.hex(),
        f"signing key      SHA-256 0x{hashlib.sha256(KEY).hexdigest()}", NONCE.hex(), "cabundle[3]",
        "2026-02-12 20:56:02Z", "yes, 2 below", "PCR3, PCR5",
    ):  # fmt: skip
        assert shown in ran.out, shown
    assert "result" not in ran.out and "holds" not in ran.out


def test_inspect_json_is_one_object(document: str) -> None:
    told = run("attestation", "inspect", document, "--json").json
    assert set(told) == {"document", "chain"}
    assert told["document"]["timestamp_ms"] == AT * 1000 + 724
    assert told["document"]["signing_key_sha256"] == "0x" + hashlib.sha256(KEY).hexdigest()
    assert told["document"]["pcrs"]["0"] == "0x" + PCRS[0].hex()
    assert [each["name"] for each in told["chain"]] == [*(f"cabundle[{n}]" for n in range(4)), "certificate"]
    assert told["chain"][0]["sha256"] == "0x" + AUTHORITY.root_hash.hex()
    assert told["chain"][4]["not_after"] == AT + 3 * 3600


@pytest.mark.parametrize("wrapped", [False, True])
def test_document_in_base64_is_taken(tmp_path: Path, wrapped: bool) -> None:
    encode = base64.encodebytes if wrapped else base64.b64encode
    path = tmp_path / "document.b64"
    path.write_bytes(encode(ISSUED.raw) + b"\n")
    assert run("attestation", "verify", str(path), *ROOT).status == 0
    assert run("attestation", "verify", "-", *ROOT, stdin=path.read_text()).status == 0


def test_inspect_unreadable_certificate_shows_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "document.cose"
    path.write_bytes(AUTHORITY.issue(AT, cabundle=[*ISSUED.chain[:3], b"no certificate"]).raw)
    ran = run("attestation", "inspect", str(path))
    assert ran.status == 0 and "cannot be read: must be an X.509 certificate in DER" in ran.out
    told = run("attestation", "verify", str(path), *ROOT, "--json")
    assert told.status == 1 and "cabundle[3] must be" in told.json["chain"][3]["error"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "error: the document must not be empty"), (b"\n", "error: the document must not be empty"),
        (b"hello, world", "must be a COSE_Sign1, or the Base64 of one"),
        (b"A" * 40_000, "must have at most 16384 bytes"),
        (b"\x80" * 20_000, "must have at most 16384 bytes, not 20000"),
        (ISSUED.raw[:-1], "must not claim 96 bytes where 95 are left"),
        (AUTHORITY.issue(AT, digest="SHA256").raw, 'error: digest must be "SHA384"'),
        (AUTHORITY.issue(AT, pcrs={0: b"short"}).raw, "error: pcrs[0] must be 48 bytes"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["inspect", "verify"])
def test_file_that_is_no_document_is_one_sentence(
    tmp_path: Path, verb: str, content: bytes, said: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    ran = run("attestation", verb, str(path))
    assert (ran.status, ran.out) == (1, "") and said in ran.err
    assert len(ran.err.splitlines()) == 1


def test_missing_file_is_one_sentence(tmp_path: Path) -> None:
    ran = run("attestation", "inspect", str(tmp_path / "none"))
    assert ran.status == 1 and "cannot be read: No such file" in ran.err


def test_text_of_a_stranger_moves_no_terminal(tmp_path: Path) -> None:
    path = tmp_path / "document.cose"
    path.write_bytes(AUTHORITY.issue(AT, module_id="i-\x1b[2J\n\u202e0").raw)
    ran = run("attestation", "inspect", str(path))
    assert "i-\\x1b[2J\\n\\u202e0" in ran.out and "\x1b" not in ran.out and "\u202e" not in ran.out


def test_verify_all_that_is_demanded_holds(document: str) -> None:
    demanded = [f"--pcr={index}={pcr.hex()}" for index, pcr in PCRS.items()]
    demanded += ["--nonce", NONCE.hex(), "--key", "0x" + ADDRESS.hex(), "--at", "2026-02-12T18:00:00Z"]
    ran = run("attestation", "verify", document, *ROOT, *demanded)
    assert (ran.status, ran.err) == (0, "") and "The document holds, as far as was asked." in ran.out
    told = run("attestation", "verify", document, *ROOT, *demanded, "--json").json
    assert told["holds"] is True and [each["check"] for each in told["checks"]] == list(Check)
    outcomes = {each["check"]: each["outcome"] for each in told["checks"]}
    assert set(outcomes.values()) == {"passed", "not asked"} and outcomes["revocation"] == "not asked"


@pytest.mark.parametrize(
    ("options", "failed"),
    [
        ((), ["root"]), ((*ROOT, "--pcr", "0=" + "00" * 48), ["measurement"]), ((*ROOT, "--nonce", "5a"), ["nonce"]),
        ((*ROOT, "--key", "0x" + "11" * 20), ["key"]), ((*ROOT, "--at", str(AT - 1)), ["time"]),
        ((*ROOT, "--at", "2026-02-12 20:56:03Z"), ["time"]), ((*ROOT, "--at", "1", "--nonce", "00"), ["time", "nonce"]),
    ],
)  # fmt: skip
def test_verify_what_fails_is_named(document: str, options: tuple[str, ...], failed: list[str]) -> None:
    ran = run("attestation", "verify", document, *options)
    assert ran.status == 1 and f"The document DOES NOT HOLD: {', '.join(failed)}." in ran.out
    told = run("attestation", "verify", document, *options, "--json")
    assert told.status == 1 and told.json["holds"] is False
    assert [each["check"] for each in told.json["checks"] if each["outcome"] == "failed"] == failed


def test_verify_root_from_a_file_or_its_hash(document: str, tmp_path: Path) -> None:
    der, pem = tmp_path / "root.der", tmp_path / "root.pem"
    der.write_bytes(AUTHORITY.root)
    pem.write_bytes(x509.load_der_x509_certificate(AUTHORITY.root).public_bytes(Encoding.PEM))
    for root in (str(der), str(pem), "0x" + AUTHORITY.root_hash.hex(), AUTHORITY.root_hash.hex().upper()):
        assert run("attestation", "verify", document, "--root", root).status == 0, root


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"nothing", "--root must be an X.509 certificate in DER"),
        (b"-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----\n", "holds no certificate in PEM"),
    ],
)
def test_verify_root_that_is_none_is_refused(
    document: str, tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "root"
    path.write_bytes(content)
    ran = run("attestation", "verify", document, "--root", str(path))
    assert ran.status == 1 and said in ran.err and len(ran.err.splitlines()) == 1
    assert run("attestation", "verify", document, "--root", str(tmp_path / "none")).status == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--pcr", "0"), "is not a register"), (("--pcr", "32=" + "00" * 48), "is not a register"),
        (("--pcr", "0=" + "00" * 47), "is not a register"), (("--pcr", "-1=" + "00" * 48), "is not a register"),
        (("--pcr", "0=" + "00" * 48, "--pcr", "0=" + "11" * 48), "--pcr names a register twice"),
        (("--nonce", ""), "--nonce must be hex"), (("--nonce", "0x5"), "--nonce must be hex"),
        (("--nonce", "00" * 513), "--nonce must be hex"), (("--at", "yesterday"), "is not a time"),
        (("--at", "2026-02-12T18:00:00"), "is not a time"), (("--at", "2026-02-30T18:00:00Z"), "is not a time"),
        (("--at", "-1"), "is not a time"),
    ],
)  # fmt: skip
def test_verify_wrong_option_is_a_usage_error(document: str, options: tuple[str, ...], said: str) -> None:
    ran = run("attestation", "verify", document, *options)
    assert (ran.status, ran.out) == (2, "") and said in ran.err


def test_verify_key_that_is_none_is_refused(document: str) -> None:
    ran = run("attestation", "verify", document, "--key", "0x1234")
    assert ran.status == 1 and "KEY is of no known signature scheme" in ran.err


@pytest.mark.parametrize("verb", ["inspect", "verify"])
def test_help_has_examples(verb: str) -> None:
    ran = run("attestation", verb, "--help")
    assert ran.status == 0 and f"Examples:\n    afterproof attestation {verb} document.cose" in ran.out
    assert attestation.commands[verb].help
