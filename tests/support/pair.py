"""The contracts and their executable specification, side by side: every action is played on both and compared."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import astuple
from typing import Any

from eth_utils import is_address, to_canonical_address

from afterproof.protocol.attestations import Claims
from afterproof.protocol.claims import Opening
from afterproof.protocol.header import BatchId
from afterproof.protocol.outcome import Env, Event, Revert
from afterproof.protocol.receipt import Domain, Leaf
from afterproof.protocol.registry import Registry
from afterproof.protocol.registry_terms import DEMO_REGISTRY, RegistryTerms
from afterproof.protocol.settlement import Settlement
from afterproof.protocol.state import LANE_FAULTS, Claim, FaultKind, Standing, VoidReason
from afterproof.protocol.terms import DEMO, Terms
from tests.support.evidence import verify_document
from tests.support.evm import Contract, Evm, Reverted
from tests.support.invariants import LanesApart
from tests.support.pair_registry import compare_registry, registry_actions

CHAIN_ID = 31_337

ALL_FAULTS = LANE_FAULTS


class Pair:
    """Registry and settlement, deployed on a bare EVM by account 0 and modelled beside it.

    ``act`` plays one action on both. Whatever differs (outcome, error name, its arguments, events) fails at once.
    """

    def __init__(
        self, terms: Terms = DEMO, evm: Evm | None = None, registry_terms: RegistryTerms = DEMO_REGISTRY
    ) -> None:
        self.evm = evm or Evm()
        self.accounts = [to_canonical_address(account) for account in self.evm.accounts]
        self.owner = self.accounts[0]
        deploy = self.evm.deploy
        registry_terms = registry_terms.beside(terms)
        self.registry = deploy("AttestationRegistry", self.owner, astuple(registry_terms), ())
        self.evidence = deploy("EvidenceHarness")
        secp = deploy("Secp256k1Scheme", self.registry)
        rsa, p256 = deploy("OpenGradientRsaPssScheme"), deploy("P256Scheme", self.registry)
        self.faults: dict[int, Contract] = {
            FaultKind.BAD_SIGNATURE: deploy("BadSignature", secp, rsa, p256),
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
        self.spec_registry = Registry(self.owner, registry_terms, self.domain)
        domains = (self.promise_domain, self.domain)
        _, started = self.settlement.call("termsOf", 1)
        self.spec = Settlement(
            self.owner, self.guardian, self.spec_registry, domains, terms, ALL_FAULTS, started
        )
        self.forced = self.forced_into_registry = 0
        self.refusing: set[bytes] = set()
        self.leaves: dict[tuple[BatchId, int], tuple[Leaf, tuple[bytes, ...]]] = {}

    def bindings(self, faults: frozenset[int]) -> list[tuple[int, Contract]]:
        """Fault kinds with their contracts, as ``FaultBinding[]``; a kind without a judge gets another's."""
        other = self.faults[FaultKind.BAD_SIGNATURE]
        return [(int(kind), self.faults.get(kind, other)) for kind in sorted(faults)]

    def act(self, action: str, sender: bytes, *arguments: Any, value: int = 0) -> list[Event]:
        """Plays ``action`` of the specification, and the contract's function, and compares them.

        Returns the events. Raises the specification's :class:`Revert` where both refuse. Lanes that the action does
        not concern must not change by it, and none by an action that is refused.
        """
        lanes = LanesApart(self)
        try:
            events = self.act_alone(action, sender, *arguments, value=value)
        except Revert:
            lanes.check_refused(action)
            raise
        lanes.check(action, arguments, events)
        return events

    def is_of_registry(self, action: str) -> bool:
        """Whether the registry carries the action out."""
        return self._actions()[action][1] is self.registry

    def act_alone(self, action: str, sender: bytes, *arguments: Any, value: int = 0) -> list[Event]:
        """As ``act``, without a look at the lanes."""
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
        spec, settle = self.spec, self.settlement
        return {
            **registry_actions(self.spec_registry, self.registry, self.evidence, self.evm),
            "open_lane": (spec.open_lane, settle, "openLane", _as_is),
            "top_up": (spec.top_up, settle, "topUp", _as_is),
            "post": (spec.post, settle, "post", _as_is),
            "release_cover": (spec.release_cover, settle, "releaseCover", _as_is),
            "sweep_burned": (spec.sweep_burned, settle, "sweepBurned", _as_is),
            "withdraw": (self._withdraw, settle, "withdraw", _as_is),
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
        }

    # --- from run to run -------------------------------------------------------------------------

    def save(self) -> tuple[Any, ...]:
        """All that actions can change, for ``restore``; any number of times."""
        plain = (
            self.forced,
            self.forced_into_registry,
            set(self.refusing),
            list(self.accounts),
            dict(self.leaves),
        )
        return self.evm.snapshot(), deepcopy((self.spec, self.spec_registry)), plain

    def restore(self, saved: tuple[Any, ...]) -> None:
        """Takes contract and specification back to what was saved."""
        snapshot, specs, plain = saved
        self.forced, self.forced_into_registry, refusing, accounts, leaves = plain
        self.evm.restore(snapshot)
        self.spec, self.spec_registry = deepcopy(specs)
        self.refusing, self.accounts, self.leaves = set(refusing), list(accounts), dict(leaves)

    def let_refuse(self, number: int) -> None:
        """Makes account ``number`` a contract that takes no ether; it acts and is owed like anyone."""
        assert isinstance(self.evm, Evm)
        refuser = to_canonical_address(self.evm.deploy("OpenGradientRsaPssScheme").address)
        self.evm.set_balance(refuser, self.evm.balance(self.accounts[number]))
        self.accounts[number] = refuser
        self.refusing.add(refuser)

    def _withdraw(self, env: Env, to: bytes) -> list[Event]:
        """The specification does not know who takes no ether."""
        if to in self.refusing and self.spec.credits.get(env.sender):
            raise Revert("PaymentRefused", to)
        return self.spec.withdraw(env, to)

    def _plain(self, value: Any) -> Any:
        """A value in the one form in which both sides are compared."""
        if isinstance(value, Terms | Claims):
            return self._plain(astuple(value))
        if value is verify_document:
            value = self.evidence.address
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
        self.leaves[batch, index] = (leaf, proof)
        arguments = self.leaf_arguments((batch, index))
        found = Standing(self.read("standing", *arguments))
        assert found is self.expected_standing((batch, index))
        assert self.read("isFinal", *arguments) == (found is Standing.FINAL)
        reason = VoidReason(self.read("whyVoid", *arguments))
        assert reason is self.spec.why_void(self.evm.reading_now, batch, index, leaf.words, proof)
        assert (reason is not VoidReason.NONE) == (found is Standing.VOIDED)
        self._compare_gap(found, (batch, index), arguments)
        return found

    def _compare_gap(self, found: Standing, place: tuple[BatchId, int], arguments: tuple[Any, ...]) -> None:
        """``trustGap`` of a leaf on both sides, in keeping with its standing: Final exactly from ``final_at`` on."""
        leaf, proof = self.leaves[place]
        now = self.evm.reading_now
        gap = self.spec.trust_gap(now, *place, leaf.words, proof)
        assert tuple(self.read("trustGap", *arguments)) == astuple(gap)
        assert (gap.posted_at == 0) == (found is Standing.UNKNOWN)
        assert (gap.final_at == 0) == (found in (Standing.UNKNOWN, Standing.VOIDED))
        assert (0 < gap.final_at <= now) == (found is Standing.FINAL)

    def is_promised(self, opening: Opening) -> bool:
        """Whether an opened promise binds its lane now, the same on both sides."""
        found = self.settlement.call("isPromised", encode_opening(opening))
        assert found == self.spec.is_promised(self.evm.reading_now, opening)
        return bool(found)

    def expected_standing(self, place: tuple[BatchId, int]) -> Standing:
        """The standing of a leaf that was looked at before, by the specification."""
        leaf, proof = self.leaves[place]
        return self.spec.standing(self.evm.reading_now, *place, leaf.words, proof)

    def leaf_arguments(self, place: tuple[BatchId, int]) -> tuple[Any, ...]:
        """The arguments of the contract's views of a leaf that was looked at before."""
        leaf, proof = self.leaves[place]
        return *place, tuple(encode_words(leaf.words)), proof

    def read(self, view: str, *arguments: Any) -> Any:
        """What a view of the settlement answers."""
        contract = self.settlement
        return (contract.read if self.reads_cheaply else contract.call)(view, *arguments)

    @property
    def reads_cheaply(self) -> bool:
        """Whether views may be asked freely: what runs the contracts remembers what they answered."""
        return isinstance(self.evm, Evm)

    def compare_state(self, views_of_time: bool = True) -> None:
        """Everything that both sides know, read and compared; perhaps without what time alone can change."""
        read = self.read
        assert read("laneCount") == len(self.spec.lanes)
        for number, lane in self.spec.lanes.items():
            seen = read("lane", number)
            wanted = (
                lane.owner,
                lane.poster,
                lane.stake,
                lane.burned,
                lane.next_seq,
                lane.open,
                lane.ahead,
                lane.exit_at,
                lane.last_due,
                lane.liable_until,
                lane.blown,
                lane.reach,
            )
            assert list(read("gapHistogram", number)) == lane.histogram
            assert self._plain(tuple(seen)) == self._plain(wanted)
            if views_of_time:
                assert read("requiredStake", number, 7) == self.spec.required_stake(
                    self.evm.reading_now, number, 7
                )
        for identity, batch in self.spec.batches.items():
            root, word = read("batch", identity)
            assert (root, word) == (batch.root, batch.header.pack())
            for tile in range(batch.header.tiles):
                self._compare_demand(identity, tile)
                bits = sum(1 << (i % 256) for i in batch.voids if i // 256 == tile)
                assert read("voidMap", identity, tile) == bits
        for account, amount in self.spec.credits.items():
            assert read("credits", account) == amount
        assert self.evm.balance(self.settlement.address) == self.spec.balance + self.forced
        self.compare_registry()

    def compare_registry(self) -> None:
        """The registry's part of :meth:`compare_state`."""
        forced = self.forced_into_registry
        compare_registry(self.spec_registry, self.registry, self.evm, self._plain, forced)

    def _compare_demand(self, batch: BatchId, tile: int) -> None:
        seen = self.read("demandOf", batch, tile)
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
