"""The figures of any process: its loop, its chain, its account, its store, its HTTP."""

from typing import Final

from prometheus_client import Counter, Histogram

from ..protocol.terms import ETHER
from .declaring import Declare

ACTIONS: Final = ("post", "dispute", "demand", "expire", "answer", "attest", "beat", "claim", "withdraw")
"""What transactions are sent for."""

SOURCES: Final = ("store", "chain")


class Running:
    """How the process does."""

    def __init__(self, declare: Declare) -> None:
        self.steps = declare.histogram(
            "step_duration_seconds", "How long the steps of the loop take.", labels=("step",)
        )
        self.step_failures = declare.counter("step_failures", "Steps that failed.", labels=("step",))
        self.round_at = declare.gauge(
            "loop_round_timestamp_seconds", "When the loop last began a round of its steps."
        )
        self.leads: bool | None = None
        self._leading = declare.gauge(
            "leading", "1: this process acts in its role; 0: another one on the same store does."
        )
        self._commits = declare.histogram(
            "store_commit_duration_seconds", "How long a commit takes to be on disk."
        )
        self._waits = declare.histogram(
            "store_wait_duration_seconds", "How long a transaction waits for others before it begins."
        )
        self.free_disk = declare.level(
            "disk_free_bytes", "What is free on the fullest of the disks that are written to."
        )
        self.measured = declare.gauge(
            "measured_timestamp_seconds", "When the levels were last read from there.", source=SOURCES
        )
        self._requests = declare.counter(
            "http_requests", "HTTP requests that were answered.", labels=("endpoint", "status")
        )
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._request_seconds = declare.histogram(
            "http_request_duration_seconds", "How long an answer took to begin.", labels=("endpoint",)
        )

    def lead(self, leads: bool) -> None:
        """Whether this process acts in its role, or on its lane, for all that share the store."""
        self.leads = leads
        self._leading.set(leads)

    def on_commit(self, waited: float, committing: float) -> None:
        """A transaction ended: seconds until it could begin, and until its commit was on disk."""
        self._waits.observe(waited)
        self._commits.observe(committing)

    def on_answer(self, endpoint: str, status: int, seconds: float) -> None:
        """A request was answered; ``endpoint`` is the name of its handler."""
        found = self._children.get((endpoint, status))
        if found is None:
            found = self._requests.labels(endpoint, status), self._request_seconds.labels(endpoint)
            self._children[endpoint, status] = found
        found[0].inc()
        found[1].observe(seconds)


class OnChain:
    """What the chain says, how far it was followed, and what acting on it costs."""

    def __init__(self, declare: Declare) -> None:
        self._transactions = declare.counter(
            "transactions", "Transactions that landed, by what they are for.", action=ACTIONS
        )
        self._gas = declare.counter("transaction_gas", "Gas that they used.", action=ACTIONS)
        self._fees = declare.counter("transaction_fees_ether", "What they cost.", action=ACTIONS)
        self.balance = declare.level(
            "account_balance_ether", "The coin of the account that sends the transactions."
        )
        self.lasts = declare.level(
            "account_lasts_seconds", "How long that coin lasts at the last day's rate; NaN: nothing was paid."
        )
        self.reserve = declare.level(
            "account_reserve_ether",
            "What a verifier's dearest actions may take at any one time, at today's fees.",
        )
        self._head = declare.gauge("chain_head_block", "The newest block that the node told of.")
        self._head_time = declare.gauge("chain_head_timestamp_seconds", "That block's time.")
        self._cursor = declare.gauge("chain_cursor_block", "The block up to which the store knows the chain.")
        self._cursor_time = declare.gauge("chain_cursor_timestamp_seconds", "That block's time.")
        self._behind_blocks = declare.level(
            "chain_behind_blocks", "Blocks from there to the newest that the node told of."
        )
        self._behind_time = declare.level("chain_behind_seconds", "Seconds from there to that block's time.")
        self._known: dict[str, tuple[int, int]] = {}
        self.reorganisations = declare.counter(
            "chain_reorganisations", "Times that the chain was followed back and undone in the store."
        )
        self.disagreements = declare.counter(
            "chain_disagreements",
            "Times that nothing was taken in, because fewer nodes agreed on the chain than must.",
        )
        self._requests = declare.histogram(
            "rpc_request_duration_seconds",
            "How long a node takes to answer, or to fail.",
            labels=("node", "method"),
        )
        self._errors = declare.counter(
            "rpc_errors",
            "Requests that a node did not answer, or answered with an error; kind names ours.",
            labels=("node", "method", "kind"),
        )

    def land(self, action: str, gas: int, fee: int) -> None:
        """A transaction landed; ``fee`` in wei."""
        self._transactions.labels(action).inc()
        self._gas.labels(action).inc(gas)
        self._fees.labels(action).inc(fee / ETHER)

    def head(self, number: int, timestamp: int) -> None:
        """The node's newest block."""
        self._head.set(number)
        self._head_time.set(timestamp)
        self._compare("head", number, timestamp)

    def cursor(self, number: int, timestamp: int) -> None:
        """The block up to which the store knows the chain."""
        self._cursor.set(number)
        self._cursor_time.set(timestamp)
        self._compare("cursor", number, timestamp)

    def _compare(self, what: str, number: int, timestamp: int) -> None:
        self._known[what] = number, timestamp
        if len(self._known) == 2:
            (head, head_time), (cursor, cursor_time) = self._known["head"], self._known["cursor"]
            self._behind_blocks.set(max(head - cursor, 0))
            self._behind_time.set(max(head_time - cursor_time, 0))

    def on_request(self, node: str, method: str, seconds: float | None, error: str | None) -> None:
        """A node answered, or failed: seconds, and the name of our error. ``node`` comes without its secrets."""
        if seconds is not None:
            self._requests.labels(node, method).observe(seconds)
        if error is not None:
            self._errors.labels(node, method, error).inc()
