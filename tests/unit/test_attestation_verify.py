"""What a document is judged by: each check alone made to fail, by documents of the tests' own authority.

a document of the authority
├── when nothing is wrong, whatever its map's form, tag and half of s → it should hold
├── when it is issued again from the same seed → it should be the same to the byte
└── when one thing is wrong → it should fail the check of that thing, and no other than its consequences
a chain
├── when its root is not the pinned one → root
├── when it is longer than a registry records → chain length
├── when a certificate cannot be read, or in more than one way → certificates, and whatever hangs on it
├── when a key or a signature is of another algorithm → algorithms
├── when one names another issuer than the one before → issuers
├── when one is signed by another key, or a byte of it differs → signatures
├── when one begins after or ended before the document's second → validity; at that very second it should hold
├── when an authority is none, the last is one, or constraints are missing → basic constraints
├── when more authorities follow than one allows → path length
├── when a usage is missing or too little → key usage
├── when another extension is critical → critical extensions
└── when one of it is revoked → revocation
a document's own
├── when another key signed it, or it was changed after → document signature
├── when a stated time is before it or after its certificates → time
├── when PCR0, PCR1 or PCR2 is missing or all zeros → debug
├── when registers differ from every allowed measurement → measurement
├── when it does not carry the stated nonce → nonce
└── when it names another key → key
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from afterproof.attestation.certificates import Certificate, read_certificate
from afterproof.attestation.checks import AWS_ROOT, Check, Outcome, Policy
from afterproof.attestation.document import parse
from afterproof.attestation.errors import InvalidCertificate
from afterproof.attestation.verify import Report, verify
from afterproof.protocol.errors import InvalidField
from tests.support.nitro_authority import (
    AUTHORITY_USAGE,
    ENCLAVE,
    ENCLAVE_USAGE,
    INSTANCE,
    PCRS,
    REGIONAL,
    ROOT,
    ZONAL,
    Authority,
    Issued,
    N,
    Plan,
    der,
    gateway_data,
    sealed,
    usage,
)

AT = 1_770_918_962
AUTHORITY = Authority(b"verify")
STRANGER = Authority(b"stranger")
ALL = {
    ROOT: "cabundle[0]",
    REGIONAL: "cabundle[1]",
    ZONAL: "cabundle[2]",
    INSTANCE: "cabundle[3]",
    ENCLAVE: "certificate",
}
KEY = bytes(12) + b"\x77" * 20
ZEROS = bytes(48)


def judged(issued: Issued, **asked: object) -> Report:
    asked = {"root": AUTHORITY.root_hash, "measurements": (PCRS,), **asked}
    return verify(parse(issued.raw), Policy(**asked))  # type: ignore[arg-type]


def changed(place: int, change: Callable[[Plan], Plan]) -> Issued:
    """A document whose chain was planned otherwise at one place."""
    plans = AUTHORITY.plans(AT)
    plans[place] = change(plans[place])
    return AUTHORITY.issue(AT, plans=plans)


def why(report: Report, check: Check) -> str:
    return next(each.why for each in report.findings if each.check is check)


# --- what holds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("indefinite", [False, True])
@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.parametrize("s", ["low", "high"])
def test_verify_genuine_document_holds_in_every_form(indefinite: bool, tagged: bool, s: str) -> None:
    issued = AUTHORITY.issue(AT, indefinite=indefinite, tagged=tagged, s=s)
    assert (int.from_bytes(issued.signature[48:]) > N // 2) == (s == "high")
    report = judged(issued)
    assert report.holds and report.failed == ()
    assert [each.check for each in report.findings] == list(Check)


def test_verify_everything_asked_passes_every_check() -> None:
    nonce = b"\x5a" * 20
    issued = AUTHORITY.issue(AT, nonce=nonce, user_data=gateway_data(b"tls", KEY))
    report = judged(issued, nonce=nonce, public_key=KEY, at=AT + 60, revoked=frozenset())
    assert {each.outcome for each in report.findings} == {Outcome.PASSED}


def test_verify_nothing_asked_says_so() -> None:
    report = verify(parse(AUTHORITY.issue(AT).raw), Policy(AUTHORITY.root_hash))
    unasked = {each.check for each in report.findings if each.outcome is Outcome.NOT_ASKED}
    assert unasked == {Check.REVOCATION, Check.TIME, Check.MEASUREMENT, Check.NONCE, Check.KEY}
    assert report.holds


def test_authority_same_seed_same_bytes() -> None:
    assert Authority(b"verify").issue(AT).raw == AUTHORITY.issue(AT).raw
    assert Authority(b"other").issue(AT).raw != AUTHORITY.issue(AT).raw
    assert Authority().root != Authority().root


def test_authority_has_the_real_chain_s_sizes() -> None:
    sizes = [len(each) for each in AUTHORITY.issue(AT).chain]
    assert all(abs(ours - real) < 8 for ours, real in zip(sizes, (533, 707, 794, 706, 639), strict=True)), (
        sizes
    )


# --- the chain ------------------------------------------------------------------------------------


def test_verify_other_root_fails_root_alone() -> None:
    assert judged(STRANGER.issue(AT)).failed == (Check.ROOT,)
    assert judged(AUTHORITY.issue(AT), root=AWS_ROOT).failed == (Check.ROOT,)


def test_verify_pinned_root_above_another_chain_fails_signatures() -> None:
    plans = [AUTHORITY.plans(AT)[0], *STRANGER.plans(AT)[1:]]
    plans[REGIONAL] = replace(plans[REGIONAL], signer=STRANGER.key("root"))
    assert judged(AUTHORITY.issue(AT, plans=plans)).failed == (Check.SIGNATURES,)


def test_verify_longer_chain_fails_chain_length() -> None:
    plans = AUTHORITY.plans(AT)
    free = x509.BasicConstraints(ca=True, path_length=None)
    plans = [each.having(free) if each is not plans[-1] else each for each in plans]
    extra = replace(plans[INSTANCE], key=AUTHORITY.key("extra"), subject=_named("extra"))
    report = judged(AUTHORITY.issue(AT, plans=[*plans[:ENCLAVE], extra, plans[ENCLAVE]]))
    assert report.failed == (Check.CHAIN_LENGTH,)
    assert judged(AUTHORITY.issue(AT, plans=plans)).holds


def test_verify_document_of_the_root_itself_holds_when_it_may() -> None:
    """A chain may be shorter: what counts is that it is whole."""
    plans = AUTHORITY.plans(AT)
    assert judged(AUTHORITY.issue(AT, plans=[plans[ROOT], plans[ENCLAVE]])).holds


def test_verify_unreadable_certificate_fails_all_that_hangs_on_it() -> None:
    issued = AUTHORITY.issue(AT)
    bundle = [*issued.chain[:2], issued.chain[2][:-1], issued.chain[3]]
    report = judged(AUTHORITY.issue(AT, cabundle=bundle), at=None)
    chain = set(Check) - {
        Check.REVOCATION,
        Check.TIME,
        Check.DEBUG,
        Check.MEASUREMENT,
        Check.NONCE,
        Check.KEY,
    }
    assert set(report.failed) == chain
    assert "cabundle[2] must be an X.509 certificate in DER" in why(report, Check.CERTIFICATES)
    assert isinstance(report.chain[2], InvalidCertificate)
    assert set(judged(AUTHORITY.issue(AT, cabundle=bundle), at=AT, revoked=frozenset()).failed) == chain | {
        Check.TIME, Check.REVOCATION,
    }  # fmt: skip


ECDSA_384, ECDSA_256 = bytes.fromhex("2a8648ce3d040303"), bytes.fromhex("2a8648ce3d040302")
VERSION = bytes.fromhex("a003020102")


def resealed(change: Callable[[bytes], bytes]) -> Report:
    """The verdict where the instance's certificate holds other bytes, and is signed as it should be."""
    chain = list(AUTHORITY.issue(AT).chain)
    tbs = x509.load_der_x509_certificate(chain[INSTANCE]).tbs_certificate_bytes
    head = 4  # a sequence of more than 255 bytes
    content = change(tbs[head:])
    assert content != tbs[head:]
    chain[INSTANCE] = sealed(der(0x30, content), AUTHORITY.key("zonal"))
    return judged(AUTHORITY.issue(AT, cabundle=chain[:-1]))


def test_sealed_certificate_is_as_the_builder_s() -> None:
    chain = AUTHORITY.issue(AT).chain
    tbs = x509.load_der_x509_certificate(chain[INSTANCE]).tbs_certificate_bytes
    assert sealed(tbs, AUTHORITY.key("zonal")) == chain[INSTANCE]


def test_verify_inner_algorithm_that_is_not_the_outer_fails_signatures() -> None:
    report = resealed(lambda content: content.replace(ECDSA_384, ECDSA_256, 1))
    assert report.failed == (Check.SIGNATURES,)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content.replace(VERSION, bytes.fromhex("a003020101"), 1), "X.509 certificate"),
        (lambda content: content.replace(VERSION, b"", 1), "version 3"),
        (lambda content: VERSION + der(2, b"\x80" + bytes(19)) + content[len(VERSION) + 22 :], "positive serial"),
        (lambda content: VERSION + der(2, b"\x00") + content[len(VERSION) + 22 :], "positive serial"),
        (lambda content: VERSION + der(2, b"\x01" * 21) + content[len(VERSION) + 22 :], "at most 20 bytes"),
        (lambda content: VERSION + der(2, b"\x00" + b"\x01" * 19) + content[len(VERSION) + 22 :], "X.509 certificate"),
        (lambda content: content.replace(_spki(), _spki(compressed=True), 1), "in DER, a point uncompressed"),
        (lambda content: content.replace(_spki(), _spki()[:-1] + b"\0", 1), "X.509 certificate"),
        (lambda content: content + b"\x05\x00", "X.509 certificate"),
    ],
)  # fmt: skip
def test_verify_certificate_in_another_form_fails_certificates(
    change: Callable[[bytes], bytes], said: str, recwarn: pytest.WarningsRecorder
) -> None:
    report = resealed(change)
    assert Check.CERTIFICATES in report.failed
    assert why(report, Check.CERTIFICATES).startswith("cabundle[3] must")
    assert said in why(report, Check.CERTIFICATES)
    assert not recwarn.list


def _spki(compressed: bool = False) -> bytes:
    """The instance's key, as its certificate holds it or as a compressed point."""
    form = PublicFormat.CompressedPoint if compressed else PublicFormat.UncompressedPoint
    point = AUTHORITY.key("instance").public_key().public_bytes(Encoding.X962, form)
    return der(0x30, bytes.fromhex("301006072a8648ce3d020106052b81040022"), der(0x03, b"\0", point))


@pytest.mark.parametrize("place", [REGIONAL, ZONAL, INSTANCE])
def test_verify_key_of_another_curve_fails_algorithms(place: int) -> None:
    other = ec.derive_private_key(7, ec.SECP256R1())
    report = judged(changed(place, lambda plan: replace(plan, key=other)))
    assert report.failed == (Check.ALGORITHMS,)
    assert f"{ALL[place]} has a key of secp256r1" in why(report, Check.ALGORITHMS)


def test_verify_rsa_in_the_chain_fails_algorithms() -> None:
    other = rsa.generate_private_key(65537, 2048)
    report = judged(changed(INSTANCE, lambda plan: replace(plan, key=other)))
    assert report.failed == (Check.ALGORITHMS,)
    assert "RSAPublicKey" in why(report, Check.ALGORITHMS)


def test_verify_last_key_of_another_curve_fails_document_signature_too() -> None:
    other = ec.derive_private_key(7, ec.SECP256R1())
    plans = AUTHORITY.plans(AT)
    plans[ENCLAVE] = replace(plans[ENCLAVE], key=other)
    issued = AUTHORITY.issue(AT, plans=plans, signer=AUTHORITY.key("enclave"))
    assert judged(issued).failed == (Check.ALGORITHMS, Check.DOCUMENT_SIGNATURE)


@pytest.mark.parametrize("place", [REGIONAL, ENCLAVE])
@pytest.mark.parametrize("digest", [hashes.SHA256(), hashes.SHA512()], ids=lambda each: each.name)
def test_verify_signature_over_another_digest_fails_algorithms(
    place: int, digest: hashes.HashAlgorithm
) -> None:
    assert judged(changed(place, lambda plan: replace(plan, digest=digest))).failed == (Check.ALGORITHMS,)


@pytest.mark.parametrize("place", [REGIONAL, ZONAL, INSTANCE, ENCLAVE])
def test_verify_other_issuer_fails_issuers(place: int) -> None:
    report = judged(changed(place, lambda plan: replace(plan, issuer=_named("somebody else"))))
    # `cryptography` takes the names for a part of the signature, so it never says that one verifies without the other.
    assert report.failed == (Check.ISSUERS, Check.SIGNATURES)
    assert why(report, Check.ISSUERS).startswith(f"{ALL[place]} names its issuer CN=somebody else")


def test_verify_issuer_in_other_bytes_fails_issuers() -> None:
    """The same words in another string type are the same to RFC 5280, but not to a contract that compares bytes."""
    plans = AUTHORITY.plans(AT)
    words = [
        x509.NameAttribute(each.oid, each.value, x509.name._ASN1Type.PrintableString)
        for each in plans[ROOT].subject
    ]
    report = judged(changed(REGIONAL, lambda plan: replace(plan, issuer=x509.Name(words))))
    assert Check.ISSUERS in report.failed


@pytest.mark.parametrize("place", [REGIONAL, ZONAL, INSTANCE, ENCLAVE])
def test_verify_other_signer_fails_signatures(place: int) -> None:
    report = judged(changed(place, lambda plan: replace(plan, signer=STRANGER.key("root"))))
    assert report.failed == (Check.SIGNATURES,)
    assert why(report, Check.SIGNATURES) == f"{ALL[place]} is not signed by {ALL[place - 1]}"


def test_verify_skipped_certificate_fails() -> None:
    chain = AUTHORITY.issue(AT).chain
    report = judged(AUTHORITY.issue(AT, cabundle=[*chain[:ZONAL], chain[INSTANCE]]))
    assert report.failed == (Check.ISSUERS, Check.SIGNATURES)


@pytest.mark.parametrize("place", list(ALL))
def test_verify_validity_includes_its_first_and_last_second(place: int) -> None:
    for starts, ends, holds in (
        (AT, AT + 9, True), (AT + 1, AT + 9, False), (AT - 9, AT, True), (AT - 9, AT - 1, False),
    ):  # fmt: skip
        issued = changed(place, lambda plan, a=starts, b=ends: replace(plan, starts=a, ends=b))  # type: ignore[misc]
        report = judged(issued, root=hashlib.sha256(issued.chain[0]).digest())
        assert report.failed == (() if holds else (Check.VALIDITY,))
        assert holds or why(report, Check.VALIDITY).startswith(ALL[place])


@pytest.mark.parametrize("place", [ROOT, REGIONAL, ZONAL, INSTANCE])
def test_verify_authority_that_is_none_fails_basic_constraints(place: int) -> None:
    none = x509.BasicConstraints(ca=False, path_length=None)
    issued = changed(place, lambda plan: plan.having(none))
    assert judged(issued, root=hashlib.sha256(issued.chain[0]).digest()).failed == (Check.BASIC_CONSTRAINTS,)


@pytest.mark.parametrize("place", [REGIONAL, ENCLAVE])
def test_verify_without_basic_constraints_fails(place: int) -> None:
    report = judged(changed(place, lambda plan: plan.without(x509.BasicConstraints)))
    assert report.failed == (Check.BASIC_CONSTRAINTS,)
    assert f"{ALL[place]} has none" in why(report, Check.BASIC_CONSTRAINTS)


def test_verify_signer_that_is_an_authority_fails_basic_constraints() -> None:
    any_depth = x509.BasicConstraints(ca=True, path_length=None)
    assert judged(changed(ENCLAVE, lambda plan: plan.having(any_depth))).failed == (Check.BASIC_CONSTRAINTS,)


@pytest.mark.parametrize(("place", "enough"), [(ROOT, 3), (REGIONAL, 2), (ZONAL, 1), (INSTANCE, 0)])
def test_verify_path_length_counts_the_authorities_below(place: int, enough: int) -> None:
    def of(length: int) -> Report:
        issued = changed(place, lambda plan: plan.having(x509.BasicConstraints(ca=True, path_length=length)))
        return judged(issued, root=hashlib.sha256(issued.chain[0]).digest())

    assert of(enough).holds
    if enough:
        assert of(enough - 1).failed == (Check.PATH_LENGTH,)


def test_verify_instance_that_makes_an_authority_fails_path_length() -> None:
    """Whoever holds an instance's key must not set up an authority of its own below it."""
    plans = AUTHORITY.plans(AT)
    rogue = replace(plans[INSTANCE], key=STRANGER.key("rogue"), subject=_named("rogue"))
    report = judged(AUTHORITY.issue(AT, plans=[*plans[:ENCLAVE], rogue, plans[ENCLAVE]]))
    assert report.failed == (Check.CHAIN_LENGTH, Check.PATH_LENGTH)
    shorter = judged(AUTHORITY.issue(AT, plans=[plans[ROOT], *plans[ZONAL:ENCLAVE], rogue, plans[ENCLAVE]]))
    assert shorter.failed == (Check.PATH_LENGTH,)


@pytest.mark.parametrize("place", [ROOT, REGIONAL, INSTANCE, ENCLAVE])
def test_verify_without_key_usage_fails(place: int) -> None:
    issued = changed(place, lambda plan: plan.without(x509.KeyUsage))
    assert judged(issued, root=hashlib.sha256(issued.chain[0]).digest()).failed == (Check.KEY_USAGE,)


@pytest.mark.parametrize(
    ("place", "lacking"),
    [
        (REGIONAL, AUTHORITY_USAGE - {"key_cert_sign"}), (INSTANCE, frozenset({"digital_signature"})),
        (ENCLAVE, ENCLAVE_USAGE - {"digital_signature"}), (ENCLAVE, frozenset({"key_cert_sign"})),
    ],
)  # fmt: skip
def test_verify_key_usage_too_little_fails(place: int, lacking: frozenset[str]) -> None:
    assert judged(changed(place, lambda plan: plan.having(usage(lacking)))).failed == (Check.KEY_USAGE,)


@pytest.mark.parametrize("place", [REGIONAL, INSTANCE, ENCLAVE])
@pytest.mark.parametrize("critical", [False, True])
def test_verify_unknown_extension_fails_when_critical(place: int, critical: bool) -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    report = judged(changed(place, lambda plan: plan.having(unknown, critical)))
    assert report.failed == ((Check.CRITICAL_EXTENSIONS,) if critical else ())
    assert not critical or f"{ALL[place]} holds 1.3.6.1.4.1.99999.1" in why(report, Check.CRITICAL_EXTENSIONS)


def test_verify_known_extension_that_nobody_checks_fails_when_critical() -> None:
    narrow = x509.NameConstraints([x509.DNSName("example.org")], None)
    report = judged(changed(REGIONAL, lambda plan: plan.having(narrow)))
    assert report.failed == (Check.CRITICAL_EXTENSIONS,)


@pytest.mark.parametrize("place", list(ALL))
def test_verify_revoked_certificate_fails_revocation(place: int) -> None:
    issued = AUTHORITY.issue(AT)
    revoked = read_certificate(issued.chain[place], "the revoked one")
    report = judged(issued, revoked=frozenset({revoked.id}))
    assert report.failed == (Check.REVOCATION,)
    assert f"{ALL[place]}, serial {revoked.serial:#x}" in why(report, Check.REVOCATION)


def test_certificate_id_is_of_issuer_and_serial() -> None:
    def named(plan: Plan) -> bytes:
        return read_certificate(plan.issued(AUTHORITY.plans(AT)[ZONAL]), "it").id

    plan = AUTHORITY.plans(AT)[INSTANCE]
    assert named(plan) == named(replace(plan, ends=plan.ends + 1, key=AUTHORITY.key("renewed")))
    assert named(plan) != named(replace(plan, serial=plan.serial + 1))
    assert named(plan) != named(replace(plan, issuer=_named("other")))


# --- the document ---------------------------------------------------------------------------------


def test_verify_signed_by_another_key_fails_document_signature() -> None:
    for signer in ("instance", "nobody"):
        issued = AUTHORITY.issue(AT, signer=AUTHORITY.key(signer))
        assert judged(issued).failed == (Check.DOCUMENT_SIGNATURE,)


@pytest.mark.parametrize("r_and_s", [(0, 0), (0, 1), (1, 0), (N, N), (1, 1), (2**384 - 1, 2**384 - 1)])
def test_verify_signature_out_of_range_fails_without_an_error(r_and_s: tuple[int, int]) -> None:
    issued = AUTHORITY.issue(AT)
    forged = b"".join(each.to_bytes(48) for each in r_and_s)
    raw = issued.raw.replace(issued.signature, forged)
    assert raw != issued.raw
    assert judged(replace(issued, raw=raw)).failed == (Check.DOCUMENT_SIGNATURE,)


@pytest.mark.parametrize(
    ("field", "ours", "other"),
    [
        ("pcrs", PCRS[0], PCRS[0][::-1]), ("pcrs", PCRS[4], PCRS[4][::-1]), ("nonce", b"\x5a" * 20, b"\xa5" * 20),
        ("user_data", b"\x77" * 68, b"\x78" * 68), ("public_key", b"\x33" * 32, b"\x34" * 32),
        ("module_id", b"i-000", b"i-001"),
    ],
)  # fmt: skip
def test_verify_field_changed_after_signing_fails(field: str, ours: bytes, other: bytes) -> None:
    value = {"pcrs": PCRS, "module_id": ours.decode(errors="replace")}.get(field, ours)
    issued = AUTHORITY.issue(AT, **{field: value})
    raw = issued.raw.replace(ours, other)
    assert raw != issued.raw
    report = judged(replace(issued, raw=raw), measurements=())
    assert report.failed == (Check.DOCUMENT_SIGNATURE,)


def test_verify_timestamp_changed_after_signing_fails() -> None:
    issued = AUTHORITY.issue(AT)
    raw = issued.raw.replace((AT * 1000 + 724).to_bytes(8), (AT * 1000 + 725).to_bytes(8))
    assert judged(replace(issued, raw=raw)).failed == (Check.DOCUMENT_SIGNATURE,)


@pytest.mark.parametrize(
    ("at", "holds", "said"),
    [
        (AT - 1, False, "1 s after the stated time"), (AT, True, "0 s old"), (AT + 3 * 3600, True, "10800 s old"),
        (AT + 3 * 3600 + 1, False, "certificate ended 1 s before the stated time"), (2**60, False, "ended"),
    ],
)  # fmt: skip
def test_verify_at_a_stated_time(at: int, holds: bool, said: str) -> None:
    report = judged(AUTHORITY.issue(AT), at=at)
    assert report.failed == (() if holds else (Check.TIME,))
    assert said in why(report, Check.TIME)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_verify_debug_enclave_fails_whatever_is_allowed(index: int) -> None:
    pcrs = {**PCRS, index: ZEROS}
    report = judged(AUTHORITY.issue(AT, pcrs=pcrs), measurements=(pcrs,))
    assert report.failed == (Check.DEBUG,)
    assert f"PCR{index} all zeros" in why(report, Check.DEBUG)


def test_verify_missing_measured_register_fails_debug() -> None:
    pcrs = {index: pcr for index, pcr in PCRS.items() if index != 1}
    report = judged(AUTHORITY.issue(AT, pcrs=pcrs), measurements=())
    assert report.failed == (Check.DEBUG,)
    assert parse(AUTHORITY.issue(AT, pcrs=pcrs).raw).measurement is None


@pytest.mark.parametrize("index", [0, 1, 2, 3, 4, 8, 31])
def test_verify_other_register_fails_measurement(index: int) -> None:
    """Any register may be fixed: 3 ties to a role, 4 to a machine, 8 to whoever signed the image."""
    issued = AUTHORITY.issue(AT)
    fixed = {**PCRS, index: b"\x01" * 48}
    report = judged(issued, measurements=(fixed,))
    assert report.failed == (Check.MEASUREMENT,)
    assert f"PCR{index} is " in why(report, Check.MEASUREMENT)
    assert judged(issued, measurements=(fixed, {0: PCRS[0]})).holds
    many = judged(issued, measurements=(fixed, {0: ZEROS}))
    assert why(many, Check.MEASUREMENT) == "it is none of the 2 that are allowed"


def test_verify_measurement_says_what_it_leaves_open() -> None:
    report = judged(AUTHORITY.issue(AT), measurements=({1: PCRS[1]},))
    assert why(report, Check.MEASUREMENT) == "PCR1 as allowed; PCR0, PCR2 may be anything"


@pytest.mark.parametrize(
    ("fixed", "said"),
    [({}, "one register at least"), ({32: ZEROS}, "from 0 to 31"), ({0: b"\x01" * 47}, "48 bytes")],
)
def test_policy_that_allows_too_much_is_refused(fixed: dict[int, bytes], said: str) -> None:
    with pytest.raises(InvalidField, match=said):
        Policy(measurements=(fixed,))
    with pytest.raises(InvalidField, match="root must be a SHA-256"):
        Policy(root=b"short")


@pytest.mark.parametrize(
    ("carried", "user_data", "asked", "holds"),
    [
        (b"\x5a" * 20, None, b"\x5a" * 20, True), (b"\x5a" * 20, None, b"\x5a" * 19, False),
        (None, None, b"\x5a" * 20, False), (b"", None, b"\x5a", False),
        (None, gateway_data(b"tls", KEY) + b"\x5a" * 32, b"\x5a" * 32, True),
        (None, b"\x5a" * 32, b"\x5a" * 32, True),
        (None, gateway_data(b"tls", KEY) + b"\x5a" * 20, b"\x5a" * 20, False),
        # The hash of a key is no nonce, though it stands where one would.
        (None, gateway_data(b"tls", KEY), hashlib.sha256(KEY).digest(), False),
    ],
)  # fmt: skip
def test_verify_nonce(carried: bytes | None, user_data: bytes | None, asked: bytes, holds: bool) -> None:
    report = judged(AUTHORITY.issue(AT, nonce=carried, user_data=user_data), nonce=asked)
    assert report.failed == (() if holds else (Check.NONCE,))


@pytest.mark.parametrize(
    ("public_key", "user_data", "holds"),
    [
        (None, gateway_data(b"tls", KEY), True), (None, gateway_data(b"tls", KEY) + b"more", True),
        (KEY, None, True), (KEY, gateway_data(b"tls", b"another"), True),
        (None, gateway_data(KEY, b"another"), False), (None, gateway_data(b"tls", KEY)[:-1], False),
        (None, b"\x00" + gateway_data(b"tls", KEY), False),
        (None, b"\x12\x21" + gateway_data(b"tls", KEY)[2:], False), (None, None, False), (b"", b"", False),
        (KEY[:-1], None, False), (KEY + b"\0", None, False), (None, KEY, False),
    ],
)  # fmt: skip
def test_verify_key_binding(public_key: bytes | None, user_data: bytes | None, holds: bool) -> None:
    report = judged(AUTHORITY.issue(AT, public_key=public_key, user_data=user_data), public_key=KEY)
    assert report.failed == (() if holds else (Check.KEY,))


def test_certificate_facts_are_those_of_the_plan() -> None:
    plans = AUTHORITY.plans(AT)
    for plan, found in zip(plans, judged(AUTHORITY.issue(AT)).chain, strict=True):
        assert isinstance(found, Certificate)
        assert (found.serial, found.not_before, found.not_after) == (plan.serial, plan.starts, plan.ends)
        assert found.subject == plan.subject.rfc4514_string()
    assert [len(each.revocation_lists) for each in judged(AUTHORITY.issue(AT)).chain] == [0, 1, 1, 0, 0]  # type: ignore[union-attr]


def _named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
