"""Settings of a gateway."""

# ruff: noqa: RUF009 - setting() only wraps dataclasses.field, which ruff knows to be harmless
from dataclasses import dataclass
from pathlib import Path

from ..protocol.receipt import Scheme
from ..settings import FILLED, PORT, URL, setting


@dataclass(frozen=True)
class GatewayConfig:
    """Answering requests and signing receipts."""

    host: str = setting("The address to listen on.", "127.0.0.1", FILLED)
    port: int = setting("The port to listen on; 0: any free one.", 8080, PORT)
    scheme: Scheme = setting(f"How to sign: one of {', '.join(Scheme)}.", Scheme.SECP256K1)
    key_file: Path | None = setting(
        "A file with the node's key: 0x-hex for SECP256K1, PKCS#8 in PEM for the others.",
        None,
        FILLED,
        example="node.key",
    )
    key: str | None = setting(
        "The node's key itself, in the forms of key_file: for development.",
        None,
        FILLED,
        secret=True,
        env="AFTERPROOF_GATEWAY_KEY",
    )
    relayer: str | None = setting(
        "Where to hand receipts in. Unset: they only travel with answers.",
        None,
        URL,
        example="http://127.0.0.1:8090",
    )
    relayer_token_file: Path | None = setting(
        "A file whose first line is the token that the relayer gave this gateway.",
        None,
        FILLED,
        example="relayer.token",
    )
    spool: Path = setting(
        "The folder of receipts on their way to the relayer.", Path("gateway-spool"), FILLED
    )
