"""`measurement`: which code may run nodes."""

from typing import Any, Final

import click

from ..attestation.document import MEASURED
from ..errors import ConfigError
from ..protocol.attestations import Binding
from ..protocol.receipt import hex0x, keccak
from .actor import owner, revoker
from .landed import told
from .node_changes import revokes, since_of
from .options import acts_as_contract, examples, reads
from .output import emit, table
from .session import Session, pass_session
from .values import HASH, Register, moment

_BINDINGS: Final = {"key": Binding.KEY, "nonce": Binding.NONCE, "user-data": Binding.USER_DATA}

_measured = click.option(
    "--pcr",
    "registers",
    type=Register(),
    multiple=True,
    metavar="INDEX=HEX",
    help="PCR0, PCR1 and PCR2 of the code, instead of MEASUREMENT.",
)


@click.group()
def measurement() -> None:
    """Allow code to run nodes, end that, and list it.

    MEASUREMENT is keccak256 of PCR0, PCR1 and PCR2, which `afterproof attestation inspect` shows for a document.
    """


@measurement.command(
    epilog=examples(
        "afterproof measurement allow 0x9bae... --code-version 1.4.0 --build https://example.org/repo@3f2c...",
        "afterproof measurement allow --pcr 0=9bae... --pcr 1=4b4d... --pcr 2=7699... --code-version 1.4.0 --build ...",
        "afterproof measurement allow 0x9bae... --code-version 1.4.0 --build ... --calldata",
    )
)
@click.argument("name", type=HASH, metavar="MEASUREMENT", required=False)
@_measured
@click.option("--code-version", "version", required=True, help="What its makers call it.")
@click.option("--build", required=True, help="Where and how anybody can build it again.")
@click.option(
    "--binding",
    type=click.Choice(list(_BINDINGS)),
    default="key",
    help="How its documents name an operator: by their nonce, by their user data, or not at all, so that the node's "
    "key must [default: key].",
)
@acts_as_contract
@pass_session
def allow(
    session: Session,
    name: bytes | None,
    registers: tuple[tuple[int, bytes], ...],
    version: str,
    build: str,
    binding: str,
    calldata: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Allow code to run nodes, from now on. For the registry's owner; one that is revoked never comes back."""
    code = _code(name, registers)
    actor = owner(session, "registry", calldata)
    landed = actor.sender.allow_measurement(code, _BINDINGS[binding], version, build, dry_run)
    what = f"measurement {hex0x(code)} ({version})"
    told(
        as_json, dry_run, landed, f"Allowed {what}", f"Would allow {what}",
        measurement=hex0x(code), binding=binding, version=version, build=build,
    )  # fmt: skip


@measurement.command(
    epilog=examples("afterproof measurement revoke 0x9bae... --reason 'answers without checking'")
)
@click.argument("name", type=HASH, metavar="MEASUREMENT", required=False)
@_measured
@revokes
@pass_session
def revoke(
    session: Session,
    name: bytes | None,
    registers: tuple[tuple[int, bytes], ...],
    reason: str,
    effective_from: int | None,
    calldata: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """End every attestation of some code, and bar new ones. For the registry's owner and its revoker."""
    code = _code(name, registers)
    actor = revoker(session, calldata)
    since = since_of(session, actor, effective_from)
    landed = actor.sender.revoke_measurement(code, since, reason, dry_run)
    what = f"measurement {hex0x(code)} from {moment(since)} on"
    told(
        as_json, dry_run, landed, f"Revoked {what}", f"Would revoke {what}",
        measurement=hex0x(code), effective_from=since, reason=reason,
    )  # fmt: skip


@measurement.command(
    "list", epilog=examples("afterproof measurement list", "afterproof measurement list --json")
)
@reads
@pass_session
def list_measurements(session: Session, as_json: bool) -> None:
    """List all code that was ever allowed to run nodes."""
    found = [_listed(session, name) for name in session.reader.measurements()]
    rows = [
        (
            each["measurement"],
            each["version"],
            each["binding"],
            moment(each["allowed_at"]),
            moment(each["ends_at"]) if each["ends_at"] else "",
            each["build"],
        )
        for each in found
    ]
    head = ("measurement", "version", "bound by", "since", "revoked as of", "build")
    text = table(head, rows) if rows else "No code is allowed to run nodes yet."
    emit(as_json, {"measurements": found}, text)


def _listed(session: Session, name: bytes) -> dict[str, Any]:
    code = session.reader.measurement(name)
    if code is None:
        raise ConfigError(
            f"measurement {hex0x(name)} has gone from the registry: the chain was reorganised, try again"
        )
    bound = next(text for text, binding in _BINDINGS.items() if binding is code.binding)
    return {
        "measurement": hex0x(name),
        "version": _shown(code.version),
        "binding": bound,
        "allowed_at": code.allowed_at,
        "ends_at": code.ends_at or None,
        "build": _shown(code.build),
    }


def _shown(text: str) -> str:
    """Somebody's text on one line, whatever is in it."""
    return "".join(character if character.isprintable() else " " for character in text)


def _code(name: bytes | None, registers: tuple[tuple[int, bytes], ...]) -> bytes:
    fixed = dict(registers)
    if name is not None and not registers:
        return name
    if name is None and len(fixed) == len(registers) and sorted(fixed) == list(MEASURED):
        return keccak(b"".join(fixed[index] for index in MEASURED))
    raise click.UsageError(
        "name the code either by MEASUREMENT, or by --pcr for each of PCR0, PCR1 and PCR2, once"
    )
