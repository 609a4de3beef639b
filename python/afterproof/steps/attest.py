"""Attest: check the document of each posted attestation, challenge what it does not prove, and prove what is ours.

An attestation is looked at when it was posted, when the chain says something new of it, and when a deadline of it has
come. What is found is kept with its document; a crash or a reorganisation has it looked at again, and what was done
before is seen by its event. Trouble of our own (no answer of the node, evidence of an unknown kind, a refusal) is
waited out, and never a challenge.
"""

import logging
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ..attestation.claims import Another, Fails, Judgement, Proves, judge
from ..attestation.document import MAX_DOCUMENT, parse
from ..attestation.proof import Limits, paths, prove
from ..chain.base import Landed
from ..errors import AfterproofError, CallReverted, DataUnavailable
from ..protocol.attestations import Claims
from ..protocol.errors import ProtocolError
from ..protocol.judge import Wait
from ..store.attestation_checks import AttestationCheck, Found
from ..store.attestations import StoredAttestation
from ..units import ether, wei_of
from .context import Context
from .network import NO_SIGN, has_sign_of_network
from .rehearse import AGAIN, act, is_overtaken, say
from .unstored import backoff

log = logging.getLogger(__name__)

RESEND: Final = 2
"""Seconds until what landed, but whose event did not come, is tried again: a reorganisation may have taken it."""

UNKNOWN_KIND: Final = 60
"""Seconds until evidence of a kind that cannot be judged here is looked at again: a newer program may run by then."""


LOOKS: Final = 16
"""Attestations of which the most urgent is looked at first."""

ROOT_WATCH: Final = 60
"""Seconds between two looks at which root the contracts of evidence have pinned."""


class Log(logging.LoggerAdapter[logging.Logger]):
    """Messages about one attestation, each with what else it is about."""

    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[object, MutableMapping[str, Any]]:
        """Implements :meth:`logging.LoggerAdapter.process`."""
        kwargs["extra"] = {**(self.extra or {}), **kwargs.get("extra", {})}
        return msg, kwargs


def attest(context: Context) -> bool:
    """Look at the next attestation that is due; True where more are.

    One that cannot be dealt with is looked at again later, and holds up no other.
    """
    cursor = context.store.chain.cursor()
    if cursor is None:
        return False
    now = max(context.now, cursor.timestamp)
    due = context.store.attestation_checks.due(now + 1, most=LOOKS)
    if not due:
        return context.root_watch.is_due(now, ROOT_WATCH) and _follow_roots(context, now)
    check = min(due, key=lambda one: _rank(context, one))
    about = _about(check)
    found = context.store.registry.attestations.get(check.number)
    if found is None or found.claims is None:
        about.error("attestation %d is not in the store any more", check.number)
        _put(context, replace(check, next_at=None))
        return len(due) > 1
    look = _Look(context, check, found, found.claims, now, cursor.timestamp)
    try:
        after = look.take()
    except (AfterproofError, ProtocolError) as error:
        after = _later(look, str(error))
        is_first = not (isinstance(error, AfterproofError) and is_overtaken(error))
        after = after if is_first else replace(after, next_at=now + 1)
        wait = (after.next_at or now) - now
        about.log(
            logging.ERROR if is_first else logging.INFO,
            "attestation %d, again in %d s: %s", check.number, wait, error,
            extra={"attempt": after.attempts, "retry_seconds": wait, "error": str(error)},
        )  # fmt: skip
    except Exception as error:
        # Whoever posts what we stumble over must not keep us from other attestations with it.
        about.error("attestation %d could not be dealt with", check.number, exc_info=error)
        after = _later(look, f"internal error, {type(error).__name__}")
    _put(context, after)
    return len(due) > 1


def _rank(context: Context, check: AttestationCheck) -> tuple[int, int]:
    """The soonest to be too late first, then what pays most."""
    found = context.store.registry.attestations.get(check.number)
    if found is None:
        return 0, 0
    if found.challenge is not None:
        return found.challenge.deadline, -found.challenge.deposit
    terms = context.store.registry.terms()
    return found.posted_at + (terms.window if terms is not None else 0), 0


def _follow_roots(context: Context, now: int) -> bool:
    """Have documents judged again where another root is pinned, for nothing counts that hangs on the former one; True
    where there are such."""
    checks, total = context.store.attestation_checks, 0
    for kind in checks.kinds():
        root = context.chain.evidence_root(kind)
        count = checks.judge_again(kind, root, now) if root is not None else 0
        total += count
        if count:
            log.warning(
                "another root is pinned for evidence of kind %d: %d to be judged again", kind, count,
                extra={"count": count},
            )  # fmt: skip
    return total > 0


@dataclass(frozen=True)
class _Look:
    """One look at one attestation, at ``now`` by the later of clock and chain; ``seen``: until when that is known."""

    context: Context
    check: AttestationCheck
    found: StoredAttestation
    claims: Claims
    now: int
    seen: int

    @property
    def log(self) -> Log:
        """Its messages are about this attestation."""
        return _about(self.check)

    @property
    def _fields(self) -> dict[str, object]:
        return {"attestation": self.check.number}

    def take(self) -> AttestationCheck:
        """Do what is to be done, and say what is known afterwards."""
        found, challenge = self.found, self.found.challenge
        if found.tenure.proven or found.is_settled:
            return self._rest()
        if challenge is None:
            return self._unchallenged()
        if challenge.challenger == self.context.chain.account:
            if not found.tenure.is_rejected(self.seen):
                return self._rest(until=max(challenge.deadline, self.now) + 1)
            return self._expire()
        if found.tenure.is_rejected(self.seen) or not self._is_to_prove():
            return self._rest()
        check = self._judged()
        return self._prove(check) if check.state is Found.KEPT else check

    # --- what is found ---------------------------------------------------------------------------

    def _judged(self) -> AttestationCheck:
        """The check with the document judged, unless it was before."""
        check = self.check
        if check.state in (Found.KEPT, Found.FALSE) and check.root is not None:
            return replace(check, next_at=None)
        root = self.context.chain.evidence_root(self.claims.kind)
        first = check.first_at or self.now
        check = replace(check, first_at=first)
        verdict = self._verdict(root)
        if isinstance(verdict, Wait):
            self.log.error(
                "attestation %d cannot be judged yet, by no fault of its own: %s", check.number, verdict.why,
                extra={"retry_seconds": verdict.until - self.now, "error": verdict.why},
            )  # fmt: skip
            return replace(check, next_at=verdict.until)
        if isinstance(verdict, Proves | Fails):
            self.context.reach.found(self.now)  # the very document that was posted came
        if isinstance(verdict, Proves):
            self.log.info("attestation %d: its document proves it", check.number)
            document = verdict.document.raw
            return replace(
                check, state=Found.KEPT, why="", document=document, attempts=0, next_at=None, root=root
            )
        if isinstance(verdict, Fails):
            self.log.warning(
                "attestation %d is not proven by its document: %s", check.number, verdict.why,
                extra={"error": verdict.why},
            )  # fmt: skip
            return replace(check, state=Found.FALSE, why=verdict.why, attempts=0, next_at=None, root=root)
        attempts = check.attempts + 1
        again = self.now + self.pause(attempts)
        due = self._due_of_withheld(first)
        if self.found.challenge is None and due > self.now:
            again = min(again, due)
        self.log.warning(
            "attestation %d cannot be checked (attempt %d): %s", check.number, attempts, verdict.why,
            extra={"attempt": attempts, "retry_seconds": again - self.now, "error": verdict.why},
        )  # fmt: skip
        return replace(check, state=Found.WITHHELD, why=verdict.why, attempts=attempts, next_at=again)

    def _verdict(self, root: bytes | None) -> Judgement | Wait:
        context, claims = self.context, self.claims
        code = context.store.registry.measurement(claims.measurement)
        key = context.store.registry.public_key(self.found.node)
        if code is None or key is None:
            return Wait(self.now + UNKNOWN_KIND, "its measurement or its key is not in the store")
        if root is None:
            return Wait(self.now + UNKNOWN_KIND, f"evidence of kind {claims.kind} is unknown here")
        try:
            raw = self.check.document or context.data.others.fetch(self.found.uri, MAX_DOCUMENT)
        except DataUnavailable as error:
            return Another(f"its document cannot be had: {error}")
        return judge(raw, claims, key, root, code.binding)

    def _due_of_withheld(self, first: int) -> int:
        """When a document that was first looked for at ``first`` has been looked for long enough.

        A quarter of the window is left then, for the challenge to come before the attestation is live.
        """
        terms = self.context.store.registry.terms()
        window = terms.window if terms is not None else 0
        last = self.found.posted_at + window - max(window // 4, 1)
        patient = first + int(self.context.config.verifier.withheld_after)
        return min(patient, last) if first < last else patient

    # --- what is done ----------------------------------------------------------------------------

    def _unchallenged(self) -> AttestationCheck:
        terms = self.context.store.registry.terms()
        if terms is not None and self.seen > self.claims.attested_until + terms.max_reach_back:
            self.log.info("attestation %d needs no look any more: no receipt hangs on it", self.check.number)
            return self._rest()
        check = self._judged()
        is_withheld = check.state is Found.WITHHELD and self._due_of_withheld(check.first_at) <= self.now
        if check.state is not Found.FALSE and not is_withheld:
            return check
        if self.found.poster == self.context.chain.account:
            self.log.error(
                "attestation %d is this account's own, and anyone may challenge it: %s",
                check.number,
                check.why,
                extra={"error": check.why},
            )
            return check
        settings = self.context.config.verifier
        if not (settings.challenge_withheld if is_withheld else settings.challenge_false):
            return check
        if is_withheld and self.context.adrift:
            self.log.error("attestation %d is not challenged: %s", check.number, self.context.adrift)
            return check
        if is_withheld and not has_sign_of_network(self.context, check.first_at):
            self.log.error(
                "attestation %d is not challenged: %s", check.number, NO_SIGN, extra={"error": NO_SIGN}
            )
            return check
        return self._challenge(check)

    def _challenge(self, check: AttestationCheck) -> AttestationCheck:
        self._keep(check)
        chain, most = self.context.chain, wei_of(self.context.config.verifier.challenge_deposit)
        least = chain.challenge_deposit()
        if least > most:
            self.log.error(
                "attestation %d is not challenged: that takes %s, and verifier.challenge_deposit allows %s",
                check.number, ether(least), ether(most), extra={"deposit": least},
            )  # fmt: skip
            return replace(check, attempts=check.attempts + 1, next_at=self.now + backoff(check.attempts + 1))
        # The least deposit follows the base fee, which rises by an eighth a block at most.
        deposit = min(least * 9 // 8, most)
        try:
            landed = act(
                self.context, "challenge", check.number,
                f"challenged attestation {check.number} for {ether(deposit)}: {check.why}",
                lambda dry: chain.challenge_attestation(check.number, deposit, dry), self._fields,
            )  # fmt: skip
        except CallReverted as error:
            if error.error != "ChallengeTooLate":
                raise
            self.log.info("attestation %d needs no challenge any more: no receipt hangs on it", check.number)
            return replace(check, next_at=None)
        if landed is None:
            return replace(check, next_at=self.now + AGAIN)
        self.log.warning(
            "challenged attestation %d for %s: %s", check.number, ether(deposit), check.why,
            extra={"deposit": deposit, "error": check.why} | landed.fields,
        )  # fmt: skip
        return self._sent(check, landed)

    def pause(self, attempts: int) -> int:
        """Seconds until the next attempt after so many: the fewer, the less time is left for a proof of ours."""
        challenge = self.found.challenge
        if challenge is None or challenge.deadline <= self.now or not self._is_to_prove():
            return backoff(attempts)
        return backoff(attempts, left=challenge.deadline - self.now)

    def _is_to_prove(self) -> bool:
        return self.found.poster == self.context.chain.account or self.context.config.verifier.prove_others

    def _prove(self, check: AttestationCheck) -> AttestationCheck:
        """Prove what is missing of the certificates, and then the document. A restart finds what was proven before."""
        self._keep(check)
        chain, claims = self.context.chain, self.claims
        key = self.context.store.registry.public_key(self.found.node) or b""
        document = parse(check.document or b"")
        known = chain.proven_certificates(claims.kind, paths(document))
        proof = prove(document, known, Limits(gas=self.context.config.chain.transaction_gas))
        if self.context.dry_run and proof.certificates:  # the document's own proof stands on them
            what = f"proved attestation {check.number}, and first {len(proof.certificates)} certificates"
            say(self.context, "prove", check.number, what, self._fields)
            return replace(check, next_at=self.now + AGAIN)
        for number, each in enumerate(proof.certificates, 1):
            step = chain.prove_certificate(claims.kind, each.der, each.parent, each.hints)
            self.context.metrics.chain.land("attest", step.gas_used, step.fee)
            self.log.info(
                "attestation %d: proved certificate %d of %d", check.number, number, len(proof.certificates),
                extra=step.fields,
            )  # fmt: skip
        landed = act(
            self.context, "prove", check.number, f"proved attestation {check.number}",
            lambda dry: chain.prove_attestation(check.number, claims, key, document.raw, proof.hints, dry),
            self._fields,
        )  # fmt: skip
        if landed is None:
            return replace(check, next_at=self.now + AGAIN)
        deposit = self.found.challenge.deposit if self.found.challenge is not None else 0
        self.log.info(
            "proved attestation %d in block %d for %d gas; the deposit of %s is ours",
            check.number, landed.block, landed.gas_used, ether(deposit), extra={"deposit": deposit} | landed.fields,
        )  # fmt: skip
        return self._sent(check, landed)

    def _expire(self) -> AttestationCheck:
        chain, number = self.context.chain, self.check.number
        landed = act(
            self.context, "expire", number, f"settled the challenge of attestation {number}, which ran out",
            lambda dry: chain.expire_challenge(number, dry), self._fields,
        )  # fmt: skip
        if landed is None:
            return replace(self.check, next_at=self.now + AGAIN)
        owed = ether(chain.registry_credits(chain.account))
        self.log.info(
            "attestation %d is rejected: nobody proved it; the registry owes this account %s", number, owed,
            extra=landed.fields,
        )  # fmt: skip
        return self._sent(self.check, landed)

    def _keep(self, check: AttestationCheck) -> None:
        """Have what was found on disk before anything is sent: it may take several attempts."""
        if check.state is not self.check.state:
            _put(self.context, replace(check, next_at=self.now))

    def _sent(self, check: AttestationCheck, landed: Landed) -> AttestationCheck:
        """Whether it counted is learnt from its event."""
        self.context.metrics.chain.land("attest", landed.gas_used, landed.fee)
        return replace(check, tx_hash=landed.tx_hash, fee=landed.fee, attempts=0, next_at=self.now + RESEND)

    def _rest(self, until: int | None = None) -> AttestationCheck:
        return replace(self.check, attempts=0, next_at=until)


def _later(look: _Look, why: str) -> AttestationCheck:
    """What is known does not change by our trouble."""
    stored = look.context.store.attestation_checks.get(look.check.number) or look.check
    attempts = stored.attempts + 1
    return replace(stored, why=stored.why or why, attempts=attempts, next_at=look.now + look.pause(attempts))


def _put(context: Context, check: AttestationCheck) -> None:
    context.store.attestation_checks.put(check)


def _about(check: AttestationCheck) -> Log:
    return Log(log, {"attestation": check.number})
