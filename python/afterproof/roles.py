"""The roles: which steps, in which order; and which of them are for one process alone where several share a store."""

from collections.abc import Mapping
from typing import Final

from .steps import Step
from .steps.account import account
from .steps.answer import answer
from .steps.attest import attest
from .steps.batch import batch
from .steps.beat import beat
from .steps.check import check
from .steps.claim import claim
from .steps.compare import compare
from .steps.demand import demand
from .steps.dispute import dispute
from .steps.finalise import finalise
from .steps.funds import funds
from .steps.post import post
from .steps.tidy import tidy
from .steps.watch import glance, watch
from .steps.withdraw import withdraw
from .store.store import Role

ROLES: Final[Mapping[Role, tuple[Step, ...]]] = {
    "relayer": (watch, batch, post, answer, beat, finalise, funds),
    "verifier": (
        watch,
        check,
        compare,
        dispute,
        demand,
        answer,
        claim,
        attest,
        finalise,
        account,
        funds,
        withdraw,
        tidy,
    ),
}

SHARED: Final[Mapping[Role, frozenset[Step]]] = {
    "relayer": frozenset({watch}),
    "verifier": frozenset({check, tidy}),
}
"""Steps that every process of a role takes where several share a store; the others are for the one that leads."""

IN_PLACE_OF: Final[Mapping[Step, Step]] = {watch: glance}
"""What a process that does not lead takes in place of a step."""
