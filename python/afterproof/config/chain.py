"""Settings of the chain, and of the account that acts on it."""

# ruff: noqa: RUF009 - setting() only wraps dataclasses.field, which ruff knows to be harmless
from dataclasses import dataclass
from pathlib import Path

from ..settings import ADDRESS, AMOUNT, FILLED, PRIVATE_KEY, URL, URLS, at_least, setting


@dataclass(frozen=True)
class ChainConfig:
    """Which chain, and where its contracts are."""

    rpc: tuple[str, ...] = setting(
        "The JSON-RPC endpoint of a node, or a list of several in order of preference: where one fails the next is "
        "asked. Between commas in the environment. May hold access keys, so of each only the host is ever logged.",
        ("http://127.0.0.1:8545",),
        URLS,
        secret=True,
    )
    quorum: int = setting(
        "How many of these nodes must agree on blocks, events and what the contracts hold before it is taken in; at "
        "most as many as there are. 1: the first that is fit is believed.",
        1,
        at_least(1, 64),
    )
    deployment: Path = setting("The address file that deployment wrote.", Path("deployment.json"), FILLED)
    timeout: float = setting("Seconds that one call of the node may take.", 10.0, at_least(0.1, 600))
    max_fee: str | None = setting(
        "What a transaction may offer for a unit of gas at most. Unset: whatever the chain asks for.",
        None,
        AMOUNT,
        example="100gwei",
    )
    max_fee_urgent: str | None = setting(
        "The same for a transaction that a promise's deadline presses; no less than max_fee. Unset: max_fee.",
        None,
        AMOUNT,
        example="500gwei",
    )
    transaction_gas: int = setting(
        "Gas that one transaction may use: a proof that needs more is sent in parts.",
        2**24,
        at_least(3_000_000, 2**40),
    )


@dataclass(frozen=True)
class AccountConfig:
    """The account that sends this process's transactions."""

    keystore: Path | None = setting(
        "A keystore file (geth's format) with the account's key.", None, FILLED, example="account.json"
    )
    password_file: Path | None = setting(
        "A file whose first line is the keystore's password.", None, FILLED, example="account.password"
    )
    private_key: str | None = setting(
        "The account's key as 0x-hex, instead of a keystore: for development.",
        None,
        PRIVATE_KEY,
        secret=True,
        env="AFTERPROOF_PRIVATE_KEY",
    )
    signer: str | None = setting(
        "An external signer that holds the account's key, instead of a keystore: a server that answers "
        "eth_signTransaction (web3signer) or account_signTransaction (clef). May hold a password: it is never logged.",
        None,
        URL,
        secret=True,
        example="http://127.0.0.1:9000",
    )
    address: str | None = setting(
        "The account that the external signer is to sign for.",
        None,
        ADDRESS,
        example="0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    )
    signer_timeout: float = setting(
        "Seconds that the external signer may take for one transaction.", 10.0, at_least(0.1, 600)
    )
