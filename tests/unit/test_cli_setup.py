"""`init` and `keys`: files made for their owner alone, and read for their public half.

init
├── it should write a settings file that loads, readable for its owner alone
├── when the file exists → it should refuse, and leave it as it was
└── when it is rehearsed → it should print the file and write nothing
keys new
├── without a scheme → it should write a keystore that the password file beside it opens
├── with a scheme → it should write a key that a gateway takes
├── it should make files for their owner alone, never overwrite one, and never show a secret
├── when the password file is there → it should use its first line
└── when it is rehearsed → it should write nothing
a relayer's token
└── it should be the first line of its file, or be refused
a public key
├── when it is named by hex, address, receipt, keystore, or private or public key file → it should be found
└── when what is named holds none → it should be refused, naming the rule
"""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from afterproof import config
from afterproof.config import AccountConfig, Config, GatewayConfig, RelayerConfig
from afterproof.errors import ConfigError
from afterproof.gateway.server import load_signer
from afterproof.keyfiles import (
    account_key,
    gateway_key,
    new_node_key,
    promise_key,
    public_key_of,
    relayer_token,
)
from afterproof.protocol.errors import InvalidField
from afterproof.protocol.receipt import Domain, Scheme, hex0x
from afterproof.protocol.signing import Secp256k1Signer, node_of, scheme_of
from tests.support.cli import run
from tests.support.scene import p256_signer, receipt_of, rsa_signer, secp_signer


def mode(file: Path) -> int:
    """A file's permissions."""
    return stat.S_IMODE(file.stat().st_mode)


# --- init ------------------------------------------------------------------------------------------


def test_init_writes_settings_that_load(tmp_path: Path) -> None:
    file = tmp_path / "new" / "afterproof.toml"
    ran = run("init", str(file))
    assert (ran.status, ran.err) == (0, "")
    assert str(file) in ran.out
    assert mode(file) == 0o600
    assert config.load(file, {}).chain.rpc == config.load(None, {}).chain.rpc
    assert file.read_text() == config.template()


def test_init_never_overwrites(tmp_path: Path) -> None:
    file = tmp_path / "afterproof.toml"
    file.write_text("mine")
    ran = run("init", str(file))
    assert ran.status == 1
    assert ran.err == f"error: {file} exists: it is never overwritten\n"
    assert file.read_text() == "mine"


def test_init_rehearsed_prints_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "afterproof.toml"
    assert run("init", str(file), "--dry-run").out == config.template()
    answer = run("init", str(file), "--dry-run", "--json").json
    assert answer == {"file": str(file), "written": False, "content": config.template()}
    assert not file.exists()
    assert run("init", str(file), "--json").json == {"file": str(file), "written": True}


# --- keys new --------------------------------------------------------------------------------------


def test_keys_new_makes_an_account_that_its_password_opens(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    answer = run("keys", "new", str(file), "--json").json
    password = tmp_path / "account.password"
    assert answer["password_file"] == str(password)
    assert mode(file) == mode(password) == 0o600
    private = account_key(AccountConfig(keystore=file, password_file=password))
    assert answer["address"].lower() == hex0x(Secp256k1Signer(private).address)
    assert private.hex() not in json.dumps(answer)
    assert password.read_text().strip() not in json.dumps(answer)


def test_promise_key_is_its_own_or_the_accounts(tmp_path: Path) -> None:
    own, account = tmp_path / "promise.json", "0x" + "11" * 32
    run("keys", "new", str(own))
    settings = RelayerConfig(promise_keystore=own, promise_password_file=own.with_suffix(".password"))
    base = Config(account=AccountConfig(private_key=account))
    assert hex0x(promise_key(base)) == account
    key = promise_key(replace(base, relayer=settings))
    assert hex0x(key) != account
    direct = RelayerConfig(promise_key=hex0x(key))
    assert promise_key(replace(base, relayer=direct)) == key
    with pytest.raises(ConfigError, match="set both"):
        promise_key(replace(base, relayer=RelayerConfig(promise_keystore=own)))
    with pytest.raises(ConfigError, match="cannot be read"):
        promise_key(replace(base, relayer=replace(settings, promise_password_file=tmp_path / "none")))


def test_keys_new_uses_the_password_that_is_there(tmp_path: Path) -> None:
    file, password = tmp_path / "a.json", tmp_path / "p"
    password.write_text("open sesame\nand nothing else\n")
    ran = run("keys", "new", str(file), "--password-file", str(password))
    assert ran.status == 0
    assert "open sesame" not in ran.out + ran.err
    assert account_key(AccountConfig(keystore=file, password_file=password))
    password.write_text("shut sesame\n")
    with pytest.raises(ConfigError, match="does not open it"):
        account_key(AccountConfig(keystore=file, password_file=password))


@pytest.mark.parametrize("scheme", list(Scheme))
def test_keys_new_makes_a_node_key_that_a_gateway_takes(tmp_path: Path, scheme: Scheme) -> None:
    file = tmp_path / "node.key"
    ran = run("keys", "new", str(file), "--scheme", scheme, "--json")
    assert (ran.status, ran.err) == (0, "")
    assert mode(file) == 0o600
    signer = load_signer(scheme, gateway_key(GatewayConfig(scheme=scheme, key_file=file)))
    assert ran.json["node"] == hex0x(signer.node)
    assert ran.json["public_key"] == hex0x(signer.public_key)
    assert file.read_text().strip() not in ran.out


def test_keys_new_never_overwrites(tmp_path: Path) -> None:
    file = tmp_path / "node.key"
    file.write_text("mine")
    for extra in ([], ["--scheme", "SECP256K1"], ["--dry-run"]):
        ran = run("keys", "new", str(file), *extra)
        assert ran.status == 1
        assert "is never overwritten" in ran.err
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


def test_keys_new_rehearsed_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    assert run("keys", "new", str(file), "--dry-run").status == 0
    assert run("keys", "new", str(file), "--dry-run", "--json").json["written"] is False
    assert not list(tmp_path.iterdir())


def test_keys_new_for_a_node_takes_no_password(tmp_path: Path) -> None:
    ran = run(
        "keys", "new", str(tmp_path / "k"), "--scheme", "SECP256K1", "--password-file", str(tmp_path / "p")
    )
    assert ran.status == 2
    assert "unencrypted" in ran.err


def test_node_key_of_another_length_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "node.key"
    for content in ("", "0x12", "0x" + "11" * 33, "11" * 31, "key"):
        file.write_text(content)
        with pytest.raises(ConfigError, match="32 bytes"):
            gateway_key(GatewayConfig(key_file=file))


def test_account_that_is_not_set_says_how_to_set_it() -> None:
    with pytest.raises(ConfigError, match=r"account\.keystore"):
        account_key(AccountConfig())
    with pytest.raises(ConfigError, match=r"gateway\.key_file"):
        gateway_key(GatewayConfig())


# --- a public key ----------------------------------------------------------------------------------


def test_public_key_is_found_wherever_it_stands(tmp_path: Path) -> None:
    secp, rsa_node = secp_signer(), rsa_signer()
    assert public_key_of(hex0x(rsa_node.public_key)) == rsa_node.public_key
    assert public_key_of(hex0x(secp.public_key)) == public_key_of(hex0x(secp.address)) == secp.public_key
    receipt = secp.sign(receipt_of(secp, 1_800_000_000), Domain(1, bytes(20)))
    pems = [
        serialization.load_der_public_key(key).public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        for key in (rsa_node.public_key, p256_signer().public_key)
    ]
    files: list[tuple[bytes, bytes]] = [
        (json.dumps(receipt.to_json()).encode(), secp.public_key),
        (json.dumps({"address": secp.address.hex(), "crypto": {}}).encode(), secp.public_key),
        (pems[0], rsa_node.public_key),
        (pems[1], p256_signer().public_key),
    ]
    for scheme in Scheme:
        made = new_node_key(scheme)
        assert scheme_of(made.public_key) is scheme
        files.append((made.file, made.public_key))
    for number, (content, key) in enumerate(files):
        file = tmp_path / str(number)
        file.write_bytes(content)
        assert node_of(public_key_of(str(file))) == node_of(key)


def test_public_key_that_is_none_is_refused(tmp_path: Path) -> None:
    small, other_curve = (
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        for key in (rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP384R1()))
    )
    contents = (b"", b"{}", b"{", b"hello", b"\xff\xfe", b"0x12", small, other_curve, b"[1]")
    for number, content in enumerate(contents):
        file = tmp_path / str(number)
        file.write_bytes(content)
        with pytest.raises(InvalidField):
            public_key_of(str(file))
    for text in ("0x", "0x12", "0xzz", "0x" + "11" * 32, str(tmp_path / "none")):
        with pytest.raises(InvalidField, match="KEY"):
            public_key_of(text)


# --- a relayer's token -----------------------------------------------------------------------------


def test_a_relayers_token_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    assert relayer_token(GatewayConfig()) is None
    file = tmp_path / "relayer.token"
    settings = GatewayConfig(relayer_token_file=file)
    for content in (b"afterproof_x", b" afterproof_x\r\nmore\n"):
        file.write_bytes(content)
        assert relayer_token(settings) == "afterproof_x"
    for content in (b"", b"\nafterproof_x", b"after proof", "gehöim".encode(), b"\xff", b"a\x00b"):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=r"gateway.relayer_token_file: .* must begin with a token"):
            relayer_token(settings)
