"""Documents drawn at random, judged by the contract and by Python: what one accepts the other accepts.

when the certificates and fields of a document are drawn, and it is signed after
    both accept, with the same facts, or both refuse
when bytes of a finished document are replaced, cut, doubled or put in
    the same
when some of the chain was proven before, of this document or of its kin
    the same
where they differ, by intent
    the contract refuses names outside ASCII and limits above 127, and leaves extensions unread that it need not know
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterproof.attestation.checks import Policy
from afterproof.attestation.document import parse
from afterproof.attestation.p384_hints import hints
from afterproof.attestation.proof import paths, prove
from afterproof.attestation.verify import verify
from tests.support.calls import View, chain
from tests.support.evm import Reverted
from tests.support.nitro_authority import (
    ENCLAVE,
    INSTANCE,
    PCRS,
    REGIONAL,
    ZONAL,
    Authority,
    Plan,
    gateway_data,
    usage,
)
from tests.support.nitro_evidence import KEY, best_hints, counted, deploy_evidence, judge, send, uncounted
from tests.support.p384 import pair

AT = 1_770_918_962
AUTHORITY = Authority(b"fuzz")
DATA = gateway_data(b"tls", KEY)
fuzzed = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@pytest.fixture(scope="module")
def evidence() -> Iterator[View]:
    with chain(hardfork="osaka") as node:
        yield deploy_evidence(node, AUTHORITY.root_hash)


@pytest.fixture(scope="module")
def warm() -> Iterator[View]:
    """Everything of the usual chain is proven."""
    with chain(hardfork="osaka") as node:
        evidence = deploy_evidence(node, AUTHORITY.root_hash)
        document = parse(AUTHORITY.issue(AT, user_data=DATA).raw)
        send(evidence, "verify", document.raw, prove(document).hints, KEY)
        yield evidence


# --- drawn, then signed ---------------------------------------------------------------------------

places = st.sampled_from([REGIONAL, ZONAL, INSTANCE, ENCLAVE])
names = st.sampled_from(["somebody", "us-east-2.aws.nitro-enclaves"]).map(
    lambda common: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
)
constraints = st.one_of(
    st.just(x509.BasicConstraints(ca=False, path_length=None)),
    st.none() | st.integers(0, 4),
).map(lambda drawn: drawn if isinstance(drawn, x509.BasicConstraints) else x509.BasicConstraints(True, drawn))
usages = st.sets(st.sampled_from(["digital_signature", "key_cert_sign", "crl_sign"]), min_size=1).map(
    lambda drawn: usage(frozenset(drawn))
)
edits: st.SearchStrategy[Any] = st.one_of(
    st.integers(AT - 3, AT + 3).map(lambda at: lambda plan: replace(plan, starts=at, ends=at + 3)),
    constraints.map(lambda drawn: lambda plan: plan.having(drawn)),
    usages.map(lambda drawn: lambda plan: plan.having(drawn)),
    names.map(lambda drawn: lambda plan: replace(plan, issuer=drawn)),
    names.map(lambda drawn: lambda plan: replace(plan, subject=drawn)),
    st.integers(1, 2**159).map(lambda drawn: lambda plan: replace(plan, serial=drawn)),
    st.sampled_from(["instance", "zonal", "other"]).map(
        lambda name: lambda plan: replace(plan, key=AUTHORITY.key(name))
    ),
    st.sampled_from(["instance", "regional", "other"]).map(
        lambda name: lambda plan: replace(plan, signer=AUTHORITY.key(name))
    ),
)
words = st.one_of(
    st.none(),
    st.just(DATA),
    st.just(KEY),
    st.just(DATA + b"\x5b" * 32),
    st.just(b"\x5a" * 32),
    st.binary(max_size=102),
)
registers = st.dictionaries(
    st.integers(0, 4), st.sampled_from([PCRS[0], PCRS[1], bytes(48)]), min_size=1, max_size=5
).map(lambda drawn: {**PCRS, **drawn})
fields = st.fixed_dictionaries(
    {"user_data": st.just(DATA) | words},
    optional={
        "public_key": words,
        "nonce": words,
        "pcrs": registers,
        "timestamp": st.integers((AT - 4) * 1000, (AT + 7) * 1000),
    },
)


@st.composite
def chains(draw: st.DrawFn) -> list[Plan]:
    plans = AUTHORITY.plans(AT)
    for place, edit in draw(st.lists(st.tuples(places, edits), max_size=2)):
        plans[place] = edit(plans[place])
    match draw(st.sampled_from(["whole"] * 4 + ["gap", "swap", "twice"])):
        case "gap":
            del plans[draw(places)]
        case "swap":
            at = draw(st.sampled_from([REGIONAL, ZONAL, INSTANCE]))
            plans[at], plans[at + 1] = plans[at + 1], plans[at]
        case "twice":
            plans.insert(REGIONAL, plans[draw(places)])
    return plans


@settings(fuzzed, max_examples=80)
@given(plans=chains(), drawn=fields, s=st.sampled_from(["", "low", "high"]))
def test_verify_drawnAndSigned_asPython(
    evidence: View, warm: View, plans: list[Plan], drawn: dict[str, Any], s: str
) -> None:
    issued = AUTHORITY.issue(AT, plans=plans, s=s, **drawn)
    cold = judge(evidence, issued.raw, AUTHORITY.root_hash)
    known = [path for path in paths(parse(issued.raw)) if warm.call("certificate", path).proven]
    assert judge(warm, issued.raw, AUTHORITY.root_hash, known=known)[0] == cold[0]


# --- finished, then altered -----------------------------------------------------------------------


@st.composite
def mutated(draw: st.DrawFn, sample: bytes) -> bytes:
    data = bytearray(sample)
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(["byte", "bit", "cut", "copy", "insert", "tag", "s"])):
            case "byte":
                data[at] = draw(st.integers(0, 255))
            case "bit":
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[at : at + draw(st.integers(1, 40))]
            case "copy":
                data[at:at] = data[at : at + draw(st.integers(1, 60))]
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=4))
            case "tag":
                data[:0] = b"\xd2"
            case "s":
                data[-48:] = draw(st.binary(min_size=48, max_size=48))
        if not data:
            break
    return bytes(data)


@settings(fuzzed, max_examples=120)
@given(st.data())
def test_verify_altered_asPython(evidence: View, warm: View, data: st.DataObject) -> None:
    sample = AUTHORITY.issue(AT, user_data=DATA)
    raw = data.draw(mutated(sample.raw))
    for contract in (evidence, warm):
        name, report = judge(contract, raw, AUTHORITY.root_hash)
        # Only the tag is outside of what is signed.
        assert bool(name) == (raw.removeprefix(b"\xd2") != sample.raw)
        assert report is None or report.holds == (not name)


# --- where they differ ----------------------------------------------------------------------------


def python_holds(raw: bytes) -> bool:
    return verify(parse(raw), Policy(AUTHORITY.root_hash, public_key=KEY)).holds


@pytest.mark.parametrize(
    ("edit", "name"),
    [
        (lambda plan: replace(plan, subject=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Zürich")])), "BadName"),
        (lambda plan: plan.having(x509.BasicConstraints(ca=True, path_length=128)), "BadInteger"),
    ],
)  # fmt: skip
def test_verify_moreThanNitroWrites_onlyPythonAccepts(evidence: View, edit: Any, name: str) -> None:
    plans = AUTHORITY.plans(AT)
    plans[INSTANCE] = edit(plans[INSTANCE])
    raw = AUTHORITY.issue(AT, plans=plans, user_data=DATA).raw
    assert python_holds(raw)
    with pytest.raises(Reverted) as caught:
        evidence.call("verify", raw, best_hints(parse(raw)), KEY)
    assert caught.value.name == name


def test_verify_textOutsideAscii_onlyPythonAccepts(evidence: View) -> None:
    raw = AUTHORITY.issue(AT, module_id="i-ü", user_data=DATA).raw
    assert python_holds(raw)
    with pytest.raises(Reverted, match="NotAscii"):
        evidence.call("verify", raw, best_hints(parse(raw)), KEY)


def test_verify_brokenExtensionThatNobodyAsksFor_onlyTheContractAccepts(evidence: View) -> None:
    """Its content is the authority's affair: it is signed, not critical, and nothing depends on it."""
    plans = AUTHORITY.plans(AT)
    broken = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.14"), b"\x05\x00")
    kept = plans[ENCLAVE].without(x509.SubjectKeyIdentifier)
    plans[ENCLAVE] = kept.having(broken, False)
    issued = AUTHORITY.issue(AT, plans=plans, user_data=DATA)
    assert not python_holds(issued.raw)

    whole = AUTHORITY.issue(AT, user_data=DATA)
    assert whole.chain[:ENCLAVE] == issued.chain[:ENCLAVE]
    above = uncounted(prove(parse(whole.raw)).hints)[:INSTANCE]
    leaf = x509.load_der_x509_certificate(issued.chain[ENCLAVE])
    r, s = decode_dss_signature(leaf.signature)
    digests = [
        hashlib.sha384(each).digest() for each in (leaf.tbs_certificate_bytes, parse(issued.raw).signed_bytes)
    ]
    signed = [pair(r, s), issued.signature]
    keys = [point(AUTHORITY.key(name)) for name in ("instance", "enclave")]
    own = [hints(*arguments) for arguments in zip(digests, signed, keys, strict=True)]
    facts = evidence.call("verify", issued.raw, counted([*above, *own]), KEY)
    assert facts.documentTime == AT


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    numbers = key.public_key().public_numbers()
    return pair(numbers.x, numbers.y)
