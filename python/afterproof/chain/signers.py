"""Who signs an account's transactions: a key in this process, or a signer elsewhere that is never taken at its word.

The private key never leaves this module: it is in no repr, message or log.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

from eth_account import Account
from eth_account.signers.local import LocalAccount

from afterproof.errors import AfterproofError, ChainUnavailable, ConfigError, SendFailed
from afterproof.protocol.receipt import keccak
from afterproof.protocol.signing import recover_address
from afterproof.units import checksummed

from . import rlp
from .endpoint import Endpoint
from .errors import NodeError, NotOffered, shown


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction as it is handed in, and its hash."""

    raw: bytes
    hash: bytes


@runtime_checkable
class TransactionSigner(Protocol):
    """Signs transactions of ``account`` (20 bytes).

    ``fields`` as in JSON-RPC: chainId, nonce, gas, value, maxFeePerGas and maxPriorityFeePerGas or gasPrice as
    numbers, data and, but for a contract's creation, to as bytes.

    Raises:
        SendFailed: it does not sign. Nothing was sent.
    """

    account: bytes

    def sign(self, fields: Mapping[str, Any]) -> Signed:
        """A transaction of these very fields."""
        ...


class KeySigner:
    """Signs with a private key of 32 bytes.

    Raises:
        ConfigError: that is no private key.
    """

    def __init__(self, private_key: bytes) -> None:
        self._signer = _signer(private_key)
        self.account = bytes.fromhex(self._signer.address[2:])

    def __repr__(self) -> str:
        return f"KeySigner({self._signer.address})"

    def sign(self, fields: Mapping[str, Any]) -> Signed:
        """Implements :meth:`TransactionSigner.sign`."""
        signed = self._signer.sign_transaction(dict(fields))
        return Signed(bytes(signed.raw_transaction), bytes(signed.hash))


class RemoteSigner:
    """Has the signer at ``url`` sign over JSON-RPC: by eth_signTransaction, or where it has not that, as clef has not,
    by account_signTransaction.

    What comes back is compared field by field with what was asked, and the account recovered from its signature: a
    signer that changes anything is refused.

    Raises:
        ConfigError: ``url`` is no http or https address.
    """

    def __init__(self, url: str, account: bytes, timeout: float = 10.0) -> None:
        self._endpoint = Endpoint(url, timeout, "account.signer", "signer")
        self._method = _METHODS[0]
        self.account = account

    def __repr__(self) -> str:
        return f"RemoteSigner({checksummed(self.account)} at {self._endpoint.node})"

    def sign(self, fields: Mapping[str, Any]) -> Signed:
        """Implements :meth:`TransactionSigner.sign`."""
        asked = {name: _hex(value) for name, value in fields.items()} | {"from": checksummed(self.account)}
        if "to" in fields:
            asked["to"] = checksummed(fields["to"])  # some signers take no other form
        answer = self._answer(asked)
        raw = answer.get("raw") if isinstance(answer, dict) else answer
        try:
            if not isinstance(raw, str) or raw[:2] != "0x":
                raise ValueError("something that is no transaction")
            found = bytes.fromhex(raw[2:])
            check_signed(found, fields, self.account)
        except ValueError as error:
            raise SendFailed(
                f"{self._endpoint.named} answered with {error}: nothing was sent. A signer that does so is broken or "
                "does not mean well: look at it before you go on"
            ) from None
        return Signed(found, keccak(found))

    def _answer(self, asked: dict[str, str]) -> Any:
        try:
            try:
                return self._endpoint.ask(self._method, asked)
            except NotOffered:
                self._method = next(method for method in _METHODS if method != self._method)
                return self._endpoint.ask(self._method, asked)
        except NodeError as error:
            said = str(error).partition(" with: ")[2]
            raise SendFailed(f"{self._endpoint.named} does not sign ({said}): nothing was sent") from None
        except ChainUnavailable as error:
            raise SendFailed(f"{error}: nothing was sent") from None
        except AfterproofError as error:  # a refusal in words that mean something else from a node
            raise SendFailed(
                f"{self._endpoint.named} does not sign ({shown(str(error))}): nothing was sent"
            ) from None


_METHODS: Final = ("eth_signTransaction", "account_signTransaction")
_DYNAMIC: Final = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value", "data")
_LEGACY: Final = ("nonce", "gasPrice", "gas", "to", "value", "data")


def check_signed(raw: bytes, fields: Mapping[str, Any], account: bytes) -> None:
    """Checks that ``raw`` is a transaction of exactly these fields, signed by ``account``.

    EIP-1559 where they have maxFeePerGas, else one with a gas price that holds for its chain alone (EIP-155).

    Raises:
        ValueError: it is not; completes "it answered with ...".
    """
    dynamic = "maxFeePerGas" in fields
    names = _DYNAMIC if dynamic else _LEGACY
    if dynamic and raw[:1] != b"\x02":
        raise ValueError("a transaction of another type than EIP-1559")
    items = _items(raw[1:] if dynamic else raw)
    tail = 4 if dynamic else 3
    if len(items) != len(names) + tail:
        raise ValueError("something that is no transaction of the type that was asked for")
    wanted = [_wanted(fields.get(name, b"")) for name in names]
    for name, found, asked in zip(names, items, wanted, strict=False):
        if found != asked:
            raise ValueError(f"a transaction with another {name}: {_told(found)} instead of {_told(asked)}")
    *access, v, r, s = items[len(names) :]
    if access and access[0] != []:
        raise ValueError("a transaction with an access list that was not asked for")
    if not (isinstance(v, bytes) and isinstance(r, bytes) and isinstance(s, bytes)):
        raise ValueError("a signature that is none")
    chain = fields["chainId"]
    parity = int.from_bytes(v) - (0 if dynamic else 35 + 2 * chain)
    if parity not in (0, 1):
        raise ValueError("a signature that is none, or for another chain")
    if len(r) > 32 or len(s) > 32:
        raise ValueError("a signature that is none")
    unsigned: list[rlp.Item] = [*wanted, []] if dynamic else [*wanted, rlp.number(chain), b"", b""]
    digest = keccak((b"\x02" if dynamic else b"") + rlp.encode(unsigned))
    signature = r.rjust(32, b"\0") + s.rjust(32, b"\0") + bytes([27 + parity])
    signer = recover_address(digest, signature)
    if signer != account:
        whose = checksummed(signer) if signer is not None else "nobody"
        raise ValueError(f"a signature of {whose} instead of {checksummed(account)}")


def address_of(private_key: bytes) -> bytes:
    """The 20-byte address of a private key's account.

    Raises:
        ConfigError: that is no private key.
    """
    return bytes.fromhex(_signer(private_key).address[2:])


def _items(data: bytes) -> list[rlp.Item]:
    try:
        found = rlp.decode(data)
    except ValueError:
        raise ValueError("something that is no transaction") from None
    if isinstance(found, bytes):
        raise ValueError("something that is no transaction")
    return list(found)


def _wanted(value: int | bytes) -> bytes:
    return rlp.number(value) if isinstance(value, int) else bytes(value)


def _told(item: rlp.Item) -> str:
    return shown("0x" + item.hex()) if isinstance(item, bytes) else "a list"


def _hex(value: int | bytes) -> str:
    return hex(value) if isinstance(value, int) else "0x" + value.hex()


def _signer(private_key: bytes) -> LocalAccount:
    # eth_account's own message shows the key, so neither it nor its cause may get out.
    try:
        signer: LocalAccount | None = (
            Account.from_key(private_key) if isinstance(private_key, bytes) else None
        )
    except Exception:
        signer = None
    if signer is None:
        raise ConfigError("the private key must be 32 bytes, and not zero or beyond the curve's order")
    return signer
