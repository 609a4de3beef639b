"""The contracts and their executable specification, side by side: every action is played on both and compared."""

from collections.abc import Callable
from dataclasses import astuple
from typing import Any

from eth_utils import is_address, to_canonical_address

from afterproof.protocol.claims import Opening
from afterproof.protocol.header import BatchId
from afterproof.protocol.outcome import Env, Event, Revert
from afterproof.protocol.receipt import Domain, Leaf
from afterproof.protocol.registry import Registry
from afterproof.protocol.settlement import Settlement
from afterproof.protocol.state import Claim, FaultKind, Standing, VoidReason
from afterproof.protocol.terms import DEMO, Terms
from tests.support.evm import Contract, Evm, Reverted

CHAIN_ID = 31_337

ALL_FAULTS = frozenset({FaultKind.BAD_SIGNATURE, FaultKind.DUPLICATE_RECEIPT, FaultKind.MISDECLARED_RANGE})


class Pair:
    """Registry and settlement, deployed on a bare EVM by account 0 and modelled beside it.

    ``act`` plays one action on both. Whatever differs (outcome, error name, its arguments, events) fails at once.
    """

    def __init__(self, terms: Terms = DEMO, evm: Evm | None = None) -> None:
        self.evm = evm or Evm()
        self.accounts = [to_canonical_address(account) for account in self.evm.accounts]
        self.owner = self.accounts[0]
        deploy = self.evm.deploy
        self.registry = deploy("AttestationRegistry", self.owner, terms.window)
        secp = deploy("Secp256k1Scheme", self.registry)
        rsa = deploy("OpenGradientRsaPssScheme")
        self.faults = {
            FaultKind.BAD_SIGNATURE: deploy("BadSignature", secp, rsa),
            FaultKind.DUPLICATE_RECEIPT: deploy("DuplicateReceipt"),
            FaultKind.MISDECLARED_RANGE: deploy("MisdeclaredRange"),
        }
        self.guardian = self.accounts[9]
        bindings = self.bindings(ALL_FAULTS)
        self.settlement = deploy(
            "Settlement", self.owner, self.guardian, self.registry, astuple(terms), bindings
        )
        self.domain = Domain(CHAIN_ID, to_canonical_address(self.registry.address))
        self.promise_domain = Domain(CHAIN_ID, to_canonical_address(self.settlement.address))
        self.spec_registry = Registry(self.owner, terms.window)
        domains = (self.promise_domain, self.domain)
        _, started = self.settlement.call("termsOf", 1)
        self.spec = Settlement(
            self.owner, self.guardian, self.spec_registry, domains, terms, ALL_FAULTS, started
        )
        self.forced = 0

    def bindings(self, faults: frozenset[FaultKind]) -> list[tuple[int, Contract]]:
        """Fault kinds with their contracts, as ``FaultBinding[]``."""
        return [(int(kind), self.faults[kind]) for kind in sorted(faults)]

    def act(self, action: str, sender: bytes, *arguments: Any, value: int = 0) -> list[Event]:
        """Plays ``action`` of the specification, and the contract's function, and compares them.

        Returns the events. Raises the specification's :class:`Revert` where both refuse.
        """
        method, contract, function, encode = self._actions()[action]
        env = Env(sender, self.evm.now, value, self.evm.base_fee)
        try:
            events = method(env, *arguments)
        except Revert as revert:
            self._same_refusal(action, revert, contract, function, sender, encode(*arguments), value)
            raise
        try:
            result = contract.send(function, *encode(*arguments), sender=sender, value=value)
        except Reverted as reverted:
            raise AssertionError(f"{action}: only the contract refuses: {reverted}") from None
        expected = [
            (event.name, tuple(self._plain(argument) for argument in event.arguments)) for event in events
        ]
        seen = [
            (name, tuple(self._plain(argument) for argument in found.values()))
            for name, found in result.events
        ]
        assert seen == expected, f"{action}: the contract logs {seen}, the specification {expected}"
        return events

    def _same_refusal(
        self,
        action: str,
        revert: Revert,
        contract: Any,
        function: str,
        sender: bytes,
        encoded: tuple,
        value: int,
    ) -> None:
        try:
            contract.send(function, *encoded, sender=sender, value=value)
        except Reverted as reverted:
            expected = (revert.error, tuple(self._plain(argument) for argument in revert.arguments))
            seen = (reverted.name, tuple(self._plain(argument) for argument in reverted.values))
            assert seen == expected, (
                f"{action}: the contract refuses with {seen}, the specification with {expected}"
            )
            return
        raise AssertionError(f"{action}: only the specification refuses: {revert}")

    def _actions(self) -> dict[str, tuple[Callable[..., list[Event]], Any, str, Callable[..., tuple]]]:
        spec, registry = self.spec, self.spec_registry
        settle, regist = self.settlement, self.registry
        return {
            "open_lane": (spec.open_lane, settle, "openLane", _as_is),
            "top_up": (spec.top_up, settle, "topUp", _as_is),
            "post": (spec.post, settle, "post", _as_is),
            "release_cover": (spec.release_cover, settle, "releaseCover", _as_is),
            "sweep_burned": (spec.sweep_burned, settle, "sweepBurned", _as_is),
            "withdraw": (spec.withdraw, settle, "withdraw", _as_is),
            "prove_fault": (
                spec.prove_fault,
                settle,
                "proveFault",
                lambda kind, claim: (kind, encode_claim(claim)),
            ),
            "announce_epoch": (
                spec.announce_epoch,
                settle,
                "announceEpoch",
                lambda terms, faults, starts_at: (astuple(terms), self.bindings(faults), starts_at),
            ),
            "rotate": (spec.rotate, settle, "rotateLane", _as_is),
            "set_ahead": (spec.set_ahead, settle, "setAhead", _as_is),
            "apply_ahead": (spec.apply_ahead, settle, "applyAhead", _as_is),
            "exit": (spec.exit, settle, "exitLane", _as_is),
            "withdraw_stake": (spec.withdraw_stake, settle, "withdrawStake", _as_is),
            "pause": (spec.pause, settle, "pausePosting", _as_is),
            "set_guardian": (spec.set_guardian, settle, "setGuardian", _as_is),
            "demand_tile": (spec.demand_tile, settle, "demandTile", _lists),
            "answer_tile": (spec.answer_tile, settle, "answerTile", _lists),
            "expire_demand": (spec.expire_demand, settle, "expireDemand", _as_is),
            "claim_missed": (spec.claim_missed, settle, "claimMissed", _openings),
            "claim_omitted": (spec.claim_omitted, settle, "claimOmitted", _openings),
            "claim_double": (spec.claim_double, settle, "claimDouble", _openings),
            "endorse": (registry.endorse, regist, "endorse", _as_is),
            "revoke": (registry.revoke, regist, "revoke", _as_is),
        }

    def _plain(self, value: Any) -> Any:
        """A value in the one form in which both sides are compared."""
        if isinstance(value, Terms):
            return astuple(value)
        if isinstance(value, frozenset):
            return tuple((kind, self._plain(contract.address)) for kind, contract in self.bindings(value))
        if isinstance(value, bytes):
            return value.hex()
        if isinstance(value, dict):
            return tuple(self._plain(item) for item in value.values())
        if isinstance(value, list | tuple):
            return tuple(self._plain(item) for item in value)
        if is_address(value):
            return to_canonical_address(value).hex()
        return int(value) if isinstance(value, int) else value

    # --- views -----------------------------------------------------------------------------------

    def standing(self, batch: BatchId, index: int, leaf: Leaf, proof: tuple[bytes, ...]) -> Standing:
        """The standing of a leaf, the same on both sides, and ``isFinal`` and ``whyVoid`` in keeping with it."""
        words = encode_words(leaf.words)
        found = Standing(self.settlement.call("standing", batch, index, words, list(proof)))
        assert found is self.spec.standing(self.evm.reading_now, batch, index, leaf.words, proof)
        final = self.settlement.call("isFinal", batch, index, words, list(proof))
        assert final == (found is Standing.FINAL)
        reason = VoidReason(self.settlement.call("whyVoid", batch, index, words, list(proof)))
        assert reason is self.spec.why_void(self.evm.reading_now, batch, index, leaf.words, proof)
        assert (reason is not VoidReason.NONE) == (found is Standing.VOIDED)
        return found

    def compare_state(self) -> None:
        """Everything that both sides know, read and compared."""
        call = self.settlement.call
        assert call("laneCount") == len(self.spec.lanes)
        for number, lane in self.spec.lanes.items():
            seen = call("lane", number)
            wanted = (
                lane.owner,
                lane.poster,
                lane.stake,
                lane.burned,
                lane.next_seq,
                lane.open,
                lane.ahead,
                lane.exit_at,
                lane.liable_until,
                lane.blown,
            )
            assert list(call("gapHistogram", number)) == lane.histogram
            assert self._plain(tuple(seen)) == self._plain(wanted)
            assert call("requiredStake", number, 7) == self.spec.required_stake(
                self.evm.reading_now, number, 7
            )
        for identity, batch in self.spec.batches.items():
            root, word = call("batch", identity)
            assert (root, word) == (batch.root, batch.header.pack())
            for tile in range(batch.header.tiles):
                self._compare_demand(identity, tile)
                bits = sum(1 << (i % 256) for i in batch.voids if i // 256 == tile)
                assert call("voidMap", identity, tile) == bits
        for account, amount in self.spec.credits.items():
            assert call("credits", account) == amount
        assert self.evm.balance(self.settlement.address) == self.spec.balance + self.forced

    def _compare_demand(self, batch: BatchId, tile: int) -> None:
        seen = self.settlement.call("demandOf", batch, tile)
        demand = self.spec.batches[batch].demands.get(tile)
        if demand is None:
            assert int(seen.challenger, 16) == 0
            return
        halves = sum(1 << half for half in demand.answered)
        wanted = (demand.challenger, demand.deadline, demand.answered_at, halves)
        wanted += (demand.expired, demand.deposit, demand.opened_at, demand.payee)
        assert self._plain(tuple(seen)) == self._plain(wanted)


def encode_claim(claim: Claim) -> tuple[Any, ...]:
    """A claim as the ABI's tuple."""
    words = encode_words(claim.receipt.words)
    return (claim.batch, claim.index, words, claim.signature, list(claim.proof), claim.evidence)


def encode_words(words: bytes) -> list[bytes]:
    """Bytes as a list of 32-byte words."""
    return [words[i : i + 32] for i in range(0, len(words), 32)]


def encode_opening(opening: Opening) -> tuple[Any, ...]:
    """An opened promise as the ABI's tuple."""
    promise = astuple(opening.signed.promise)
    return (promise, opening.signed.signature, opening.seq, opening.leaf_hash, list(opening.proof))


def _as_is(*arguments: Any) -> tuple[Any, ...]:
    return arguments


def _lists(*arguments: Any) -> tuple[Any, ...]:
    return tuple(list(argument) if isinstance(argument, tuple) else argument for argument in arguments)


def _openings(*arguments: Any) -> tuple[Any, ...]:
    plain = _lists(*arguments)
    return tuple(
        encode_opening(argument) if isinstance(argument, Opening) else argument for argument in plain
    )
