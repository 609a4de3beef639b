"""`watch`: hand promises to a verifier, which claims them for their beneficiaries if they are broken."""

from typing import Any, Final

import click

from ..errors import AfterproofError, ConfigError
from ..protocol.promise import HeldPromise
from ..protocol.receipt import SignedReceipt, hex0x
from ..protocol.watching import watch_id
from ..units import checksummed, ether
from .options import examples, reads
from .output import emit
from .promise import read_promise
from .receipt import read_receipt
from .session import Session, pass_session
from .values import moment

TIMEOUT: Final = 20.0
"""Seconds that a verifier may take to answer."""

LONGEST: Final = 64 * 1024
"""Bytes of an answer at most."""

_FAULTS: Final = {
    "MISSED_DEADLINE": "missed",
    "OMITTED_RECEIPT": "given to another leaf",
    "DOUBLE_PROMISE": "given twice",
}


class WatchError(AfterproofError):
    """The verifier gave no answer: it could not be reached, or refused."""


@click.command(
    short_help="Have a verifier watch promises.",
    epilog=examples(
        "afterproof watch answer.json --verifier https://verifier.example.org",
        "afterproof watch answers/*.json --json",
        "afterproof watch answer.json --status",
    ),
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--verifier", "url", metavar="URL", help="Its address [default: that of your own verifier].")
@click.option("--receipt", metavar="FILE", help="The receipt that was promised its place.")
@click.option("--status", "asks", is_flag=True, help="Hand nothing in: ask what came of them.")
@reads
@pass_session
def watch(
    session: Session, files: tuple[str, ...], url: str | None, receipt: str | None, asks: bool, as_json: bool
) -> None:
    """Hand the promises in FILE... to a verifier: from then on it watches them, and you need not.

    FILE is what the relayer answered when the receipt was handed in, as for `afterproof promise verify`. A promise
    that is broken is claimed when that can be proven, for its beneficiary. The exit status is 1 where one was broken.
    """
    if receipt is not None and len(files) > 1:
        raise ConfigError("--receipt is of one promise: name one FILE with it")
    address = f"{_address(session, url)}/v1/watch"
    promises = [_read(file, receipt) for file in files]
    answers = []
    for held, leaf, signed in promises:
        if asks:
            identity = hex0x(watch_id(held.signed.promise, held.seq))
            answers.append(_answer("GET", f"{address}/{identity}"))
        else:
            answers.append(_answer("POST", address, _body(held, leaf, signed)))
    emit(as_json, {"promises": answers}, "\n".join(map(_sentence, answers)))
    if any(one["claims"] or one["state"] in ("missed", "omitted") for one in answers):
        click.get_current_context().exit(1)


def _address(session: Session, url: str | None) -> str:
    if url is not None:
        return url.rstrip("/")
    settings = session.config.verifier
    if not settings.port:
        raise ConfigError("no verifier is named: say --verifier URL, or set verifier.port of your own")
    return f"http://{f'[{settings.host}]' if ':' in settings.host else settings.host}:{settings.port}"


def _read(file: str, receipt: str | None) -> tuple[HeldPromise, bytes, SignedReceipt | None]:
    held, leaf = read_promise(file)
    signed = read_receipt(receipt) if receipt is not None else None
    if signed is not None:
        if leaf is not None and leaf != signed.leaf.hash:
            raise ConfigError(
                f"the promise is of leaf {hex0x(leaf)}, but the receipt's is {hex0x(signed.leaf.hash)}"
            )
        leaf = signed.leaf.hash
    if leaf is None:
        raise ConfigError(f"{file} does not say which receipt was promised its place: --receipt names it")
    return held, leaf, signed


def _body(held: HeldPromise, leaf: bytes, signed: SignedReceipt | None) -> dict[str, Any]:
    body = {"leafHash": hex0x(leaf), "promise": held.to_json()}
    return body if signed is None else {**body, "receipt": signed.to_json()}


def _answer(method: str, address: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the verifier says of one promise.

    Raises:
        WatchError: nothing that can be read, or why not.
    """
    import httpx

    try:
        response = httpx.request(method, address, json=body, timeout=TIMEOUT)
        value = response.json() if len(response.content) <= LONGEST else None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WatchError(f"{address} does not answer: {str(error) or type(error).__name__}") from None
    except ValueError:
        value = None
    if response.status_code in (200, 201) and isinstance(value, dict) and value.keys() >= _NEEDED:
        return value
    refusal = value.get("error") if isinstance(value, dict) else None
    said = refusal.get("message") if isinstance(refusal, dict) else None
    raise WatchError(f"the verifier refuses ({response.status_code}): {said or 'its answer cannot be read'}")


_NEEDED: Final = frozenset(("id", "lane", "seq", "beneficiary", "due", "state", "why", "claims"))


def _sentence(answer: dict[str, Any]) -> str:
    """What the verifier does, or did, about one promise."""
    what = f"The promise of number {answer['seq']} of lane {answer['lane']}"
    lines = [f"{what} {_doing(answer)}.", f"watch {answer['id']}"]
    lines[1:1] = [_claimed(claim) for claim in answer["claims"]]
    return "\n".join(lines)


def _doing(answer: dict[str, Any]) -> str:
    due, state, until = moment(int(answer["due"])), answer["state"], answer.get("claimableUntil")
    whom = (
        "nobody"
        if not int(answer["beneficiary"], 16)
        else checksummed(bytes.fromhex(answer["beneficiary"][2:]))
    )
    if state == "open":
        return f"is watched: if it is not posted by {due}, that is claimed for {whom}"
    if state == "kept":
        return "was kept"
    if state == "unknown":
        return f"is watched: what was posted cannot be seen ({answer['why']})"
    last = "" if until is None else f", until {moment(int(until))}"
    return f"was broken ({state})" + ("" if answer["claims"] else f": that is being claimed for {whom}{last}")


def _claimed(claim: dict[str, Any]) -> str:
    what = _FAULTS.get(claim["fault"], claim["fault"])
    return (
        f"claimed as {what}: the lane lost {ether(int(claim['slashed']))}, transaction {claim['transaction']}"
    )
