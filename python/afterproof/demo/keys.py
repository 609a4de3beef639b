"""The nodes' key files in a stack's folder."""

from pathlib import Path

from ..gateway.server import load_signer
from ..keyfiles import new_node_key, write_private
from ..protocol.receipt import Scheme, hex0x
from .layout import Pair


def node_key(pair: Pair, folder: Path) -> bytes:
    """The public key of a pair's gateway; its key file is made if it is not there."""
    file = folder / f"{pair.gateway}.key"
    if not file.exists():
        known = pair.scheme is Scheme.SECP256K1
        write_private(file, hex0x(pair.node.private).encode() if known else new_node_key(pair.scheme).file)
    content = file.read_bytes()
    if pair.scheme is Scheme.SECP256K1:
        content = bytes.fromhex(content.decode().strip().removeprefix("0x"))
    return load_signer(pair.scheme, content).public_key
