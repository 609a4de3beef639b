"""An in-memory chain over the executable specification, with the troubles of a real one at the press of a key.

    chain = MemoryChain(owner=OWNER, balances={RELAYER: 10 * ETHER})
    relayer = chain.account_view(RELAYER)          # a ChainSender; all views share the one chain
    lane, _ = relayer.open_lane(RELAYER, RELAYER, ahead=0, stake=ETHER)
    chain.mine(seconds=60)                         # time passes in blocks alone
    chain.reorg(depth=2)                           # the newest two blocks never were
    chain.fail_next(3, ChainUnavailable("down"))   # the next three calls fail

Each transaction is mined at once in a block of its own, ``block_time`` seconds after the one before. The state after a
block follows from the transactions up to it, so a reorganisation plays the remaining ones again. Gas is free
unless it is priced. Tests hold it to a real node: ``tests/unit/test_chain_both.py``.
"""

import copy
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from afterproof.errors import CallReverted, ChainError, ChainUnavailable, SendFailed
from afterproof.protocol.heartbeat_terms import DEMO_HEARTBEAT_TERMS
from afterproof.protocol.heartbeats import Heartbeats
from afterproof.protocol.outcome import Event, Revert
from afterproof.protocol.receipt import Domain, keccak
from afterproof.protocol.registry import Registry
from afterproof.protocol.registry_terms import DEMO_REGISTRY, RegistryTerms
from afterproof.protocol.settlement import Settlement
from afterproof.protocol.state import FaultKind
from afterproof.protocol.terms import DEMO, Terms

from .base import Block, Deployment, Landed, Logged, Outcome, Place
from .memory_account import MemoryAccount
from .memory_evidence import Verifiers
from .memory_state import FAULT_CONTRACTS, Action, Mined, OnHeartbeats, State, Transaction, View, event_of

Told = Callable[[bytes, Outcome | None], None]
"""Is told a transaction's hash: before it is handed in (None), and what became of it."""

GAS = 100_000
"""What every transaction is said to use."""


class MemoryChain:
    """A chain on which the contracts are deployed in block 1, at ``now``.

    ``owner`` owns both contracts, ``guardian`` (the owner unless given) may pause posting; ``balances`` and
    ``base_fee`` are in wei, ``block_time`` in seconds. The registry goes by ``registry_terms``, as they are beside
    ``terms``, and asks ``verifiers`` about evidence. Safe for several threads.
    """

    def __init__(
        self,
        owner: bytes = b"\x0f" * 20,
        terms: Terms = DEMO,
        faults: frozenset[FaultKind] = frozenset(FAULT_CONTRACTS),
        balances: Mapping[bytes, int] | None = None,
        chain_id: int = 31_337,
        now: int = 1_800_000_000,
        block_time: int = 1,
        guardian: bytes | None = None,
        base_fee: int = 0,
        registry_terms: RegistryTerms = DEMO_REGISTRY,
    ) -> None:
        self.deployment = Deployment(
            chain_id, keccak(b"settlement")[12:], keccak(b"registry")[12:], 1, keccak(b"heartbeats")[12:]
        )
        self.domain = Domain(chain_id, self.deployment.registry)
        self.promise_domain = Domain(chain_id, self.deployment.settlement)
        self.block_time = block_time
        self._guardian, self._base_fee = owner if guardian is None else guardian, base_fee
        self._owner, self._terms, self._faults, self._now = owner, terms, faults, now
        self._registry_terms = registry_terms.beside(terms)
        self.verifiers = Verifiers()
        self._allocated = dict(balances or {})
        self._lock = threading.RLock()
        self._hashes = 0
        self._gas_price = 0
        self._failures: list[Exception] = []
        self._hook: Callable[[], object] | None = None
        self._delay: int | None = None
        self._waiting: list[Transaction] = []
        self._state = self._deployed()
        self._blocks = [
            Mined(Block(0, self._fresh_hash(), now - block_time)),
            Mined(Block(1, self._fresh_hash(), now)),
        ]
        guarded, announced = (
            Event("GuardianChanged", (self._guardian,)),
            Event("EpochAnnounced", (1, now, terms, faults)),
        )
        self._log(self._blocks[1], self._fresh_hash(), [guarded, announced])

    # --- accounts ------------------------------------------------------------------------------

    def account_view(self, address: bytes) -> MemoryAccount:
        """The chain as seen and acted on by an account: a ChainSender that shares this chain's state."""
        return MemoryAccount(self, address)

    def fund(self, address: bytes, amount: int) -> None:
        """Gives an account ``amount`` wei out of nothing; no reorganisation takes them away."""
        with self._lock:
            self._allocated[address] = self._allocated.get(address, 0) + amount
            self._state.balances[address] = self._state.balances.get(address, 0) + amount

    def charge(self, base_fee: int) -> None:
        """The base fee is that from now on, in wei."""
        with self._lock:
            self._base_fee = self._state.base_fee = base_fee

    def price(self, gas_price: int) -> None:
        """Transactions are said to cost that for a unit of gas from now on, in wei; nobody is charged for it."""
        self._gas_price = gas_price

    # --- time, and what can go wrong -----------------------------------------------------------

    @property
    def now(self) -> int:
        """The newest block's time, whatever :meth:`fail_next` said: a clock, not a call."""
        return self._blocks[-1].block.timestamp

    def mine(self, seconds: int = 1) -> Block:
        """A new block, ``seconds`` after the newest, with the delayed transactions that are due."""
        with self._lock:
            return self._mine(seconds, []).block

    def reorg(self, depth: int, replay: bool = False) -> None:
        """Drops the newest ``depth`` blocks and all they changed; with ``replay`` the next block holds their
        transactions again. Blocks mined after it have other hashes than those before had."""
        with self._lock:
            if not 0 < depth <= len(self._blocks) - 2:
                raise ValueError(
                    f"cannot drop {depth} of {len(self._blocks) - 2} blocks after the deployment"
                )
            dropped = [transaction for mined in self._blocks[-depth:] for transaction in mined.transactions]
            del self._blocks[-depth:]
            if replay:
                self._waiting = dropped + self._waiting
            self._state = self._deployed()
            for mined in self._blocks:
                for transaction in mined.transactions:
                    if not isinstance(mined.outcomes[transaction.hash], ChainError):
                        self._apply(self._state, transaction, mined.block.timestamp)

    def fail_next(self, calls: int = 1, exception: Exception | None = None) -> None:
        """The next ``calls`` calls of any account view raise ``exception`` and do nothing."""
        with self._lock:
            self._failures += [exception or ChainUnavailable("the node does not answer")] * calls

    def delay_next(self, blocks: int) -> None:
        """The next transaction is taken, but its sender only sees SendFailed: it lands ``blocks`` blocks later
        (0: at once, and only the answer is lost)."""
        self._delay = blocks

    def before_next(self, hook: Callable[[], object]) -> None:
        """Calls ``hook`` once, after the next transaction was simulated and before it is included: somebody else's
        transaction that comes first."""
        self._hook = hook

    # --- what account views use ----------------------------------------------------------------

    def view(self) -> View:
        """The chain as it is now, for reading only. Raises what :meth:`fail_next` said."""
        with self._lock:
            self._fail()
            state = self._state
            return View(
                state.settlement,
                state.registry,
                state.balances,
                state.base_fee,
                state.heartbeats,
                list(self._blocks),
            )

    def act(
        self,
        sender: bytes,
        action: Action | OnHeartbeats,
        value: int = 0,
        dry_run: bool = False,
        tell: Told = lambda tx_hash, outcome: None,
        may_act: Callable[[], None] | None = None,
    ) -> tuple[list[Event], Landed]:
        """Simulates, then mines an action of ``sender``'s; its events as the specification has them (also of a dry
        run), and how it landed.

        Public for tests that act on the specification itself: ``chain.act(owner, lambda env, settlement, registry:
        settlement.announce_epoch(env, terms, faults, starts_at))``. The action may be played again by a
        reorganisation, so all it depends on must be in its arguments. ``tell`` is told of what was not refused before
        it was handed in. ``may_act``: as :meth:`ChainSender.guard` has it.

        Raises:
            CallReverted, SendFailed: as a ChainSender; and what :meth:`fail_next` said.
        """
        if may_act is not None and not dry_run:
            may_act()
        with self._lock:
            self._fail()
            head = self._blocks[-1].block
            transaction = Transaction(self._fresh_hash(), sender, value, action)
            if dry_run or self._hook or self._delay is not None:
                events = self._simulate(transaction, head.timestamp + self.block_time)
                if dry_run:
                    return events, Landed(b"", head.number, GAS, GAS * self._gas_price)
                tell(transaction.hash, None)
            is_simulated = self._hook is not None or self._delay is not None
            hook, self._hook = self._hook, None
            if hook:
                hook()
            if self._delay is not None:
                self._postpone(transaction)
            try:
                events, landed = self._include(transaction)
            except ChainError:
                if is_simulated:
                    tell(transaction.hash, self.outcome(self._blocks[-1], transaction.hash))
                raise
            tell(transaction.hash, self.outcome(self._blocks[-1], transaction.hash))
            return events, landed

    def outcome(self, mined: Mined, tx_hash: bytes) -> Outcome:
        """What became of a transaction of a block."""
        has_reverted = isinstance(mined.outcomes[tx_hash], ChainError)
        return Outcome(mined.block.number, GAS, GAS * self._gas_price, not has_reverted)

    def parent_hash(self, now: int) -> bytes:
        """The hash of the block before the one whose time is ``now``."""
        return next(mined.block.hash for mined in reversed(self._blocks) if mined.block.timestamp < now)

    # --- inside --------------------------------------------------------------------------------

    def _deployed(self) -> State:
        registry = Registry(self._owner, self._registry_terms, self.domain)
        domains = (self.promise_domain, self.domain)
        heartbeats = Heartbeats(DEMO_HEARTBEAT_TERMS)
        settlement = Settlement(
            self._owner, self._guardian, registry, domains, self._terms, self._faults, self._now
        )
        return State(settlement, registry, dict(self._allocated), self._base_fee, heartbeats)

    def _fresh_hash(self) -> bytes:
        self._hashes += 1
        return keccak(b"afterproof memory chain %d" % self._hashes)

    def _fail(self) -> None:
        if self._failures:
            raise self._failures.pop(0)

    def _apply(self, state: State, transaction: Transaction, now: int) -> list[Event]:
        try:
            return state.apply(transaction.sender, transaction.value, now, transaction.action)
        except Revert as revert:
            raise CallReverted(revert.error, revert.arguments) from None

    def _simulate(self, transaction: Transaction, now: int) -> list[Event]:
        return self._apply(copy.deepcopy(self._state), transaction, now)

    def _postpone(self, transaction: Transaction) -> None:
        delay, self._delay = self._delay or 0, None
        if delay:
            due = self._blocks[-1].block.number + delay
            self._waiting.append(replace(transaction, due=due))
        else:
            self._include(transaction)
        raise SendFailed(f"transaction 0x{transaction.hash.hex()} did not land in time: it may land later")

    def _include(self, transaction: Transaction) -> tuple[list[Event], Landed]:
        mined = self._mine(self.block_time, [transaction])
        outcome = mined.outcomes[transaction.hash]
        if isinstance(outcome, ChainError):
            raise outcome
        events = tuple(event_of(event) for event in outcome)
        fee = GAS * self._gas_price
        return outcome, Landed(transaction.hash, mined.block.number, GAS, fee, events)

    def _mine(self, seconds: int, transactions: list[Transaction]) -> Mined:
        if seconds < 1:
            raise ValueError("a block comes at least a second after the one before")
        head = self._blocks[-1].block
        mined = Mined(Block(head.number + 1, self._fresh_hash(), head.timestamp + seconds))
        due = [waiting for waiting in self._waiting if waiting.due <= mined.block.number]
        self._waiting = [waiting for waiting in self._waiting if waiting.due > mined.block.number]
        for transaction in due + transactions:
            mined.transactions.append(transaction)
            try:
                events = self._apply(self._state, transaction, mined.block.timestamp)
            except ChainError as error:
                mined.outcomes[transaction.hash] = error
            else:
                mined.outcomes[transaction.hash] = events
                self._log(mined, transaction.hash, events)
        self._blocks.append(mined)
        return mined

    def _log(self, mined: Mined, tx_hash: bytes, events: list[Event]) -> None:
        block = mined.block
        for event in events:
            place = Place(block.number, block.hash, block.timestamp, tx_hash, len(mined.logs))
            mined.logs.append(Logged(place, event_of(event)))
