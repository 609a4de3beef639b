"""The command line as its user meets it: arguments in; exit status, standard output and standard error out."""

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from afterproof.cli.app import afterproof, main
from afterproof.cli.session import Session
from afterproof.protocol.receipt import SignedReceipt
from afterproof.steps.batch import close, next_receipts
from afterproof.steps.post import post
from tests.support.world import World


@dataclass(frozen=True)
class Ran:
    """How a command line ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON object and nothing else."""
        return json.loads(self.out)


def run(*arguments: str, session: Session | None = None, stdin: str = "") -> Ran:
    """Run ``afterproof`` with these arguments, on a session of the test's own if one is given."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "stdin", io.StringIO(stdin))
        if session is not None:
            patch.setitem(afterproof.context_settings, "obj", session)
        status = main(list(arguments))
    return Ran(status, out.getvalue(), err.getvalue())


def post_unjudged(world: World, *receipts: SignedReceipt) -> None:
    """Post these receipts in one batch of the world's lane, forged ones too."""
    relayer = world.relayer()
    world.round(relayer)
    world.slip_in(relayer, *receipts)
    waiting = next_receipts(relayer)
    close(relayer, waiting[0].seq, [stored.leaf for stored in waiting], "a test asks for it")
    assert post(relayer)
