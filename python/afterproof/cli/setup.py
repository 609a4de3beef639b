"""Before anything runs: `init` writes the settings file, `keys new` makes keys."""

import secrets
from pathlib import Path

import click

from .. import config
from ..errors import ConfigError
from ..keyfiles import NewKey, first_line, new_account, new_node_key, write_private
from ..protocol.receipt import Scheme, hex0x
from ..protocol.signing import node_of
from ..units import checksummed
from .options import dry_run_option, examples, json_option
from .output import emit, facts
from .session import CONFIG_FILE


@click.command(
    short_help="Write a settings file.",
    epilog=examples("afterproof init", "afterproof init relayer.toml", "afterproof init --dry-run"),
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default=CONFIG_FILE)
@dry_run_option
@json_option
def init(file: Path, dry_run: bool, as_json: bool) -> None:
    """Write a settings file that explains every setting and sets none (default: afterproof.toml).

    With --dry-run, print it.
    """
    text = config.template()
    if dry_run:
        emit(as_json, {"file": str(file), "written": False, "content": text}, text.rstrip())
        return
    # Only its owner may read it: the address of a node's endpoint often holds an access key.
    write_private(file, text.encode())
    emit(
        as_json, {"file": str(file), "written": True}, f"Wrote {file}. Take the '#' from the lines you need."
    )


@click.group()
def keys() -> None:
    """Make keys for accounts and nodes."""


@keys.command(
    epilog=examples(
        "afterproof keys new account.json",
        "afterproof keys new node.key --scheme SECP256K1",
        "afterproof keys new node.pem --scheme P256",
        "afterproof keys new node.pem --scheme OPENGRADIENT_RSA_PSS",
    )
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--scheme",
    type=click.Choice(list(Scheme)),
    help="Make a node's key for this signature scheme [default: an account's key].",
)
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Holds the keystore's password; made if it does not exist [default: FILE with the ending .password].",
)
@dry_run_option
@json_option
def new(file: Path, scheme: str | None, password_file: Path | None, dry_run: bool, as_json: bool) -> None:
    """Make a key and write it to FILE, readable for you alone.

    An account's key becomes an encrypted keystore, as geth has them, with its password in a file beside it: for
    account.keystore and account.password_file of the settings. A node's key becomes what gateway.key_file wants.
    Nothing is ever overwritten, and the secret is never shown.
    """
    if file.exists():
        raise ConfigError(f"{file} exists: it is never overwritten")
    if scheme is not None and password_file is not None:
        raise click.UsageError("--password-file is for accounts: a gateway reads its node's key unencrypted")
    paths = {"file": str(file)}
    if scheme is None:
        password_file = password_file or file.with_suffix(".password")
        if password_file == file:
            raise click.UsageError("FILE must not end in .password, unless --password-file names another")
        paths["password_file"] = str(password_file)
    if dry_run:
        emit(as_json, {**paths, "written": False}, f"Would write {' and '.join(paths.values())}.")
        return
    if scheme is None:
        assert password_file is not None
        key = new_account(_password(password_file))
        write_private(file, key.file)
        address = checksummed(key.public_key[12:])
        named: dict[str, str] = {"address": address}
        text = facts([("keystore", file), ("password", password_file), ("address", address)])
    else:
        key = new_node_key(Scheme(scheme))
        write_private(file, key.file)
        named = _node_names(key, scheme)
        text = facts([("key", file), ("scheme", scheme), ("node", named["node"])])
        text += f"\nA registry's owner endorses it with: afterproof node endorse {file}"
    emit(as_json, {**paths, "written": True, **named}, text)


def _node_names(key: NewKey, scheme: str) -> dict[str, str]:
    return {"scheme": scheme, "node": hex0x(node_of(key.public_key)), "public_key": hex0x(key.public_key)}


def _password(file: Path) -> str:
    """The password in a file's first line; where there is no file, a fresh one, kept in it."""
    if not file.exists():
        password = secrets.token_urlsafe(32)
        write_private(file, password.encode() + b"\n")
        return password
    return first_line(file)
