"""Key files: made so that only their owner reads them, and read for their public half."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from .config import AccountConfig, Config, GatewayConfig
from .errors import ConfigError
from .protocol.errors import InvalidField
from .protocol.receipt import Scheme, SignedReceipt, hex0x
from .protocol.signing import Secp256k1Signer, Signer, pkcs8_signer, scheme_of
from .units import address_of


@dataclass(frozen=True)
class NewKey:
    """A key that was just made: its file's bytes, and its public half."""

    file: bytes
    public_key: bytes


def new_node_key(scheme: Scheme) -> NewKey:
    """A node's key in the form that a gateway reads: 0x-hex for SECP256K1, else PKCS#8 in PEM."""
    if scheme is Scheme.SECP256K1:
        private, signer = new_secret()
        return NewKey(hex0x(private).encode() + b"\n", signer.public_key)
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    if scheme is Scheme.P256:
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return NewKey(pem, pkcs8_signer(key).public_key)


def new_secret() -> tuple[bytes, Secp256k1Signer]:
    """A fresh secp256k1 secret."""
    while True:
        private = secrets.token_bytes(32)
        try:
            return private, Secp256k1Signer(private)
        except ValueError:  # zero, or not below the curve's order: once in 2^128
            continue


def new_account(password: str) -> NewKey:
    """An account's key as a keystore file in geth's format (Web3 Secret Storage, scrypt). Takes a second."""
    from eth_account import Account

    private, signer = new_secret()
    keystore = Account.encrypt(private, password)
    return NewKey(json.dumps(keystore).encode() + b"\n", signer.public_key)


def account_key(settings: AccountConfig) -> bytes:
    """The 32-byte key of the account that the settings name.

    Raises:
        ConfigError: none is set, or its files do not hold it, or an external signer does. The message holds nothing of
            the key.
    """
    if settings.signer is not None:
        raise ConfigError(
            "the account's key is in an external signer (account.signer), which does not give it out"
        )
    if settings.private_key is not None:
        return bytes.fromhex(settings.private_key[2:])
    if settings.keystore is None or settings.password_file is None:
        raise ConfigError(
            "no account is set: set account.keystore and account.password_file, or AFTERPROOF_PRIVATE_KEY; "
            "`afterproof keys new account.json` makes one"
        )
    return _decrypted(settings.keystore, settings.password_file)


def external_account(settings: AccountConfig) -> bytes:
    """The 20-byte address of the account that an external signer signs for.

    Raises:
        ConfigError: it is not set, or a key of the account is set beside the signer.
    """
    beside = [
        name
        for name, value in (
            ("account.keystore", settings.keystore), ("AFTERPROOF_PRIVATE_KEY", settings.private_key)
        )
        if value is not None
    ]  # fmt: skip
    if beside:
        raise ConfigError(f"account.signer and {beside[0]} exclude each other: unset one of them")
    if settings.address is None:
        raise ConfigError(
            "account.address must be set beside account.signer: the account that it is to sign for"
        )
    return address_of(settings.address)


def account_address(settings: AccountConfig) -> bytes | None:
    """The 20-byte address of the account that the settings name, without its key; None: they name none."""
    if settings.private_key is not None:
        return Secp256k1Signer(account_key(settings)).address
    text = settings.address
    if text is None and settings.keystore is not None:
        try:
            found = json.loads(_read(settings.keystore)).get("address")
        except (ValueError, AttributeError):
            found = None
        text = f"0x{found.removeprefix('0x')}" if isinstance(found, str) else None
    try:
        return None if text is None else address_of(text)
    except ValueError:
        return None


def promise_key(config: Config) -> bytes:
    """The 32-byte key that signs the relayer's promises: its own, or the account's where none is set.

    Raises:
        ConfigError: its files do not hold it, or only one of them is set.
    """
    settings = config.relayer
    if settings.promise_key is not None:
        return bytes.fromhex(settings.promise_key[2:])
    if settings.promise_keystore is None and settings.promise_password_file is None:
        if config.account.signer is not None:
            raise ConfigError(
                "relayer.promise_keystore and relayer.promise_password_file must be set beside account.signer: "
                "promises are signed with every receipt, by a key at hand; `afterproof keys new promise.json` makes one"
            )
        return account_key(config.account)
    if settings.promise_keystore is None or settings.promise_password_file is None:
        raise ConfigError("relayer.promise_keystore and relayer.promise_password_file go together: set both")
    return _decrypted(settings.promise_keystore, settings.promise_password_file)


def _decrypted(keystore: Path, password_file: Path) -> bytes:
    from eth_account import Account

    content, password = _read(keystore), first_line(password_file)
    try:
        return bytes(Account.decrypt(content.decode(), password))
    except (ValueError, KeyError, TypeError) as error:
        wrong = "MAC" in str(error)
        why = (
            f"the password in {password_file} does not open it"
            if wrong
            else "it is no keystore of geth's format"
        )
        raise ConfigError(f"the keystore {keystore} cannot be used: {why}") from None


def gateway_key(settings: GatewayConfig) -> bytes:
    """A gateway's key in the form that its scheme has: 32 bytes, or PEM.

    Raises:
        ConfigError: none is set, or it cannot be read. The message holds nothing of the key.
    """
    if settings.key is not None:
        content = settings.key.encode()
    elif settings.key_file is not None:
        content = _read(settings.key_file)
    else:
        raise ConfigError(
            "no node's key is set: set gateway.key_file, or AFTERPROOF_GATEWAY_KEY; "
            f"`afterproof keys new node.key --scheme {settings.scheme}` makes one"
        )
    if settings.scheme is not Scheme.SECP256K1:
        return content
    try:
        return _secret(content)
    except ValueError:
        raise ConfigError("the node's key must be 32 bytes of 0x-hex for SECP256K1") from None


def relayer_token(settings: GatewayConfig) -> str | None:
    """The token that the relayer gave a gateway, if it gave one.

    Raises:
        ConfigError: its file does not hold one. The message holds nothing of it.
    """
    if settings.relayer_token_file is None:
        return None
    line, _, _ = _read(settings.relayer_token_file).partition(b"\n")
    token = line.strip().decode(errors="replace")
    if not token.isascii() or not token.isprintable() or not token or " " in token:
        raise ConfigError(
            f"gateway.relayer_token_file: {settings.relayer_token_file} must begin with a token"
        )
    return token


def first_line(file: Path) -> str:
    """A password: the first line of a file.

    Raises:
        ConfigError: there is none.
    """
    lines = _read(file).decode(errors="replace").splitlines()
    if not lines or not lines[0]:
        raise ConfigError(f"the password file {file} must have a password in its first line")
    return lines[0]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner reads.

    Raises:
        ConfigError: it exists, or cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path} exists: it is never overwritten") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def public_key_of(text: str) -> bytes:
    """The public key that ``text`` names: 0x-hex of a key or an address, or a file.

    A file may be a receipt, a keystore, or a node's key in PEM or 0x-hex, public or private.

    Raises:
        InvalidField: it is none of these.
    """
    if text.startswith("0x"):
        return _known(_from_hex(text))
    try:
        content = Path(text).read_bytes()
    except OSError as error:
        raise InvalidField("KEY", f"is neither 0x-hex nor a file: {text}: {error.strerror}") from None
    return _known(_from_file(content))


def node_signer(path: Path) -> Signer | None:
    """The signer of a node's key file (0x-hex of 32 bytes, or PKCS#8 in PEM); None for one that holds no secret.

    Raises:
        ConfigError: the file cannot be read.
    """
    content = _read(path).strip()
    try:
        if content.startswith(b"-----BEGIN"):
            return pkcs8_signer(serialization.load_pem_private_key(content, password=None))
        return Secp256k1Signer(_secret(content))
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidField):
        return None


def _from_hex(text: str) -> bytes:
    try:
        key = bytes.fromhex(text[2:])
    except ValueError:
        raise InvalidField("KEY", "must be 0x-hex") from None
    return key.rjust(32, b"\0") if len(key) == 20 else key


def _from_file(content: bytes) -> bytes:
    stripped = content.strip()
    try:
        if stripped.startswith(b"{"):
            found = json.loads(stripped)
            if "receipt" in found:
                return SignedReceipt.from_json(found).public_key
            return bytes.fromhex(str(found["address"]).removeprefix("0x")).rjust(32, b"\0")
        if stripped.startswith(b"-----BEGIN PUBLIC"):
            return serialization.load_pem_public_key(stripped).public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        if stripped.startswith(b"-----BEGIN"):
            return pkcs8_signer(serialization.load_pem_private_key(stripped, password=None)).public_key
        return Secp256k1Signer(_secret(stripped)).public_key
    except InvalidField:
        raise
    except (ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        raise InvalidField("KEY", "must be a receipt, a keystore, or a key in PEM or 0x-hex") from None


def _secret(content: bytes) -> bytes:
    """32 bytes from their 0x-hex; raises ValueError for any other number of them, which libraries would pad."""
    secret = bytes.fromhex(content.decode().strip().removeprefix("0x"))
    if len(secret) != 32:
        raise ValueError(f"{len(secret)} bytes are no secret")
    return secret


def _known(key: bytes) -> bytes:
    if scheme_of(key) is None:
        forms = "an address, or the DER of a P-256 key or of an RSA key of 2048 bits with e = 65537"
        raise InvalidField("KEY", f"is of no known signature scheme: it must be {forms}")
    return key
