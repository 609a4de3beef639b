"""What a call is for, read from its calldata."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from afterproof.protocol.header import BatchId

from .abi import MalformedAbi, decode, interface
from .offers import Intent
from .states import Deployment, Purpose

_Read = Callable[..., Purpose]


def _batch(what: str, batch: int, place: int, *_: Any) -> Purpose:
    return Purpose.of_batch(what, BatchId(batch), place)


def _fault(_: int, claim: tuple[Any, ...]) -> Purpose:
    return _batch("dispute", claim[0], claim[1])


def _claim(opening: tuple[Any, ...], *_: Any) -> Purpose:
    (lane, *_rest), _signature, seq, *_more = opening
    return Purpose("claim", lane, seq)


def _post(lane: int, first_seq: int, *_: Any) -> Purpose:
    return Purpose("post", lane, first_seq)


def _attestation(number: int, *_: Any) -> Purpose:
    return Purpose("attest", attestation=number)


def _plain(what: str, *_: Any) -> Purpose:
    return Purpose(what)


_SETTLEMENT: Final[Mapping[str, _Read]] = {
    "post": _post, "proveFault": _fault, "demandTile": partial(_batch, "demand"),
    "answerTile": partial(_batch, "answer"), "expireDemand": partial(_batch, "demand"), "claimMissed": _claim,
    "claimOmitted": _claim, "claimDouble": _claim, "withdraw": partial(_plain, "withdraw"),
}  # fmt: skip
_REGISTRY: Final[Mapping[str, _Read]] = {
    "challenge": _attestation, "prove": _attestation, "expireChallenge": _attestation,
    "withdraw": partial(_plain, "withdraw"),
}  # fmt: skip
_EVIDENCE: Final[Mapping[str, _Read]] = {"proveCertificate": partial(_plain, "attest")}
_HEARTBEATS: Final[Mapping[str, _Read]] = {
    name: partial(_plain, "beat") for name in ("join", "report", "challenge", "answer")
}


def purpose_of(deployment: Deployment, intent: Intent) -> Purpose:
    """What a call of one of the contracts is for; ``other`` for whatever is none of those that are told apart."""
    name, known = "NitroEvidence", _EVIDENCE
    if intent.to == deployment.settlement:
        name, known = "Settlement", _SETTLEMENT
    elif intent.to == deployment.registry:
        name, known = "AttestationRegistry", _REGISTRY
    elif intent.to == deployment.heartbeats:
        name, known = "Heartbeats", _HEARTBEATS
    functions = interface(name).functions
    for function, read in known.items():
        kind = functions[function]
        if intent.payload[:4] == kind.selector:
            try:
                return read(*decode(kind.inputs, intent.payload[4:]))
            except MalformedAbi:
                break
    return Purpose("other")
