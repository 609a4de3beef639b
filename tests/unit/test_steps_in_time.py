"""Whoever could send nothing for long still acts in time: the wait between two attempts is part of what time is left.

where nothing could be sent since a proof, a demand, an answer, a claim or an attestation's proof was due
└── until shortly before it is too late → it should be sent as soon as it can be
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import pytest

from afterproof.errors import SendFailed
from afterproof.steps import Context, Step
from afterproof.steps.unstored import TRIES, backoff
from afterproof.store.deadlines import Action
from tests.support.refusing import Refusing
from tests.support.watching import Watching
from tests.unit.test_steps_overtaken import (
    TERMS,
    Rival,
    answered,
    claimed,
    demanded,
    having,
    proof,
    sent,
    shown,
)

ACTS = ("prove_", "demand_tile", "answer_tile", "claim_")
REACTION = 3
"""Seconds before the end at which sending works again: one to try in, and one for a block."""


def window_end(verifier: Context) -> int:
    """The end of the window of what is to be disputed, or demanded."""
    actions = (Action.DISPUTE, Action.DEMAND)
    (batch,) = {one.batch for action in actions for one in verifier.store.deadlines.all(action)}
    posted = verifier.store.batches.posted(batch)
    assert posted is not None
    return posted.header.window_end


def answer_end(verifier: Context) -> int:
    """The last second for the tile that is demanded."""
    (deadline,) = verifier.store.deadlines.all(Action.ANSWER)
    found = verifier.store.demands.get(deadline.batch, deadline.place)
    assert found is not None
    return found.deadline


def claim_end(verifier: Context) -> int:
    """The last second for a claim on the only promise that is watched."""
    ((lane, seq),) = verifier.store.watched.due(2**62, 2)
    (promise,) = verifier.store.watched.of((lane, seq))
    return promise.last


def proof_end(verifier: Context) -> int:
    """The last second for the proof of the attestation."""
    attestations = verifier.store.registry.attestations
    found = attestations.get(attestations.count())
    assert found is not None and found.challenge is not None
    return found.challenge.deadline


@pytest.mark.parametrize(
    ("scene", "end_of"),
    [
        (proof, window_end), (demanded, window_end), (shown, answer_end), (claimed, claim_end),
        (answered, proof_end),
    ],
    ids=lambda one: one.__name__,
)  # fmt: skip
def test_what_could_not_be_sent_is_sent_while_there_is_time(
    tmp_path: Path,
    scene: Callable[[Watching], tuple[Context, Step, Rival]],
    end_of: Callable[[Context], int],
) -> None:
    world = Watching(tmp_path, TERMS)
    verifier, step, _ = scene(world)
    verifier = having(verifier, withdraw_above="0")
    troubled = replace(verifier, chain=Refusing(verifier.chain, ACTS, repeat(SendFailed("no coin"))))
    before = sent(world)
    step(troubled)
    end = end_of(troubled)
    while world.now < end - REACTION:
        world.round(troubled)
        world.wait(1)
    assert sent(world) == before
    for _ in range(2):
        world.round(verifier)
        world.wait(1)
    assert sent(world) > before


def test_backoff_doubles_up_to_a_minute_and_leaves_time_for_many_attempts() -> None:
    assert [backoff(failures) for failures in (1, 2, 3, 6, 7, 100)] == [1, 2, 4, 32, 60, 60]
    assert [backoff(5, left) for left in (10_000, 12 * TRIES, 40, TRIES - 1, 0, -5)] == [16, 12, 1, 1, 1, 1]
