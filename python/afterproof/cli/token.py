"""`token`: the tokens by which a relayer knows its clients."""

import click

from ..web.tokens import NAME, hash_of, new_token
from .options import examples, json_option
from .output import emit


@click.group()
def token() -> None:
    """Make tokens for a relayer's clients."""


@token.command(epilog=examples("afterproof token new acme", "afterproof token new acme --json"))
@click.argument("name")
@json_option
def new(name: str, as_json: bool) -> None:
    """Make a token for the client NAME, and show it this once.

    The line goes into the file that relayer.tokens names. It holds a hash of the token, which is no secret; a running
    relayer reads the file when it changes. A line with another hash replaces the token; with none, it is revoked.
    """
    if not NAME.fullmatch(name):
        raise click.BadParameter("must be 1 to 64 letters, digits, - and _", param_hint="NAME")
    made = new_token()
    line = f'{name} = "{hash_of(made)}"'
    text = (
        f"The token, for the client alone; it is shown only now:\n\n    {made}\n\n"
        f"The line for the file of relayer.tokens:\n\n    {line}"
    )
    emit(as_json, {"name": name, "token": made, "line": line}, text)
