"""Figures: what is counted, what is shown, and that whatever asks for them finds them.

figures of a relayer that ran through a batch
├── each should have a help text, a unit and a name by Prometheus' conventions, and stand in docs/operations.md
├── dashboard and alerts should ask for none that is not there, by no label that it has not
├── they should be what happened: receipts by scheme and rule, promises, the batch, its gap, its margin, its cost
└── those of another process, in the same program, should not move
what became of batches
├── it should be counted once, by the process that leads alone; a restart should count nothing again
├── when a post is late → it should say so
└── when a reorganisation takes a batch → it should count again once it is back
histograms of many → they should be what Prometheus' own would be
health → 503 when the loop has ended or a step has not come back, and why
ready → 503 with the part that is not, and why: store, chain, disk, lane; the verifier's clock in the lane's place
metrics_port → metrics there alone; a verifier serves nothing without one
"""

import asyncio
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from afterproof.chain.base import FaultProven, Place
from afterproof.chain.rpc import Rpc
from afterproof.errors import ChainUnavailable, StoreUnavailable
from afterproof.loop import run
from afterproof.node import run_relayer, run_verifier
from afterproof.protocol.state import FaultKind
from afterproof.protocol.terms import ETHER
from afterproof.roles import ROLES
from afterproof.steps import Context
from afterproof.steps.intake import intake
from afterproof.steps.measure import Meter
from afterproof.telemetry.liveness import STUCK, Liveness
from afterproof.telemetry.metrics import Metrics
from afterproof.telemetry.spread import Spread
from afterproof.web import operations
from afterproof.web.operations import create_operations_app
from tests.support.databases import on_both
from tests.support.false_node import Http, false_node
from tests.support.http import ask, hand_in
from tests.support.world import RELAYER, VERIFIER, World

GRAFANA = Path(__file__).parents[2] / "docs" / "grafana"
AHEAD = 16


class Observed:
    """A world whose relayer and verifier are measured after each round, as their processes do it."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.world = World(folder, ahead=AHEAD, **changes)
        self.relayer = self.started("relayer")
        self.meter = Meter(self.relayer)
        self.round()

    def started(self, role: str) -> Context:
        """The context of a process of that role, its loop begun."""
        fresh = getattr(self.world, role)()
        return replace(fresh, metrics=Metrics(role))  # type: ignore[arg-type]

    def round(self) -> None:
        """A round of the relayer's loop, and a look at it."""
        turn(self.world, self.relayer)
        self.meter.read_store()

    def post(self, *numbers: int) -> None:
        """Receipts that were handed in two seconds after they were signed, in a batch that is posted."""
        assert len(numbers) == 4
        signed = [self.world.signed(number) for number in numbers]
        self.world.wait(2)
        turn(self.world, self.relayer)
        self.world.take_in(self.relayer, *signed)
        self.round()

    def figure(self, name: str, **labels: str) -> float | None:
        """A figure of the relayer's."""
        return self.relayer.metrics.registry.get_sample_value(f"afterproof_{name}", labels)


def turn(world: World, context: Context) -> None:
    """Rounds of a role's steps as its process takes them, until there is no more to do."""
    stop, left = threading.Event(), [3]

    def last(_: Context) -> bool:
        left[0] -= 1
        if left[0] == 0:
            stop.set()
        return left[0] > 0

    run((*ROLES[context.store.role], last), context, stop, poll=0)


@pytest.fixture
def observed(tmp_path: Path) -> Observed:
    return Observed(tmp_path)


# --- what is asked for is there ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Metric]:
    """All figures of a relayer and a verifier that ran through one batch, as Prometheus reads them."""
    folder = tmp_path_factory.mktemp("observed")
    one = Observed(folder)
    ask(one.relayer, "GET", "/ready")
    hand_in(one.relayer, [one.world.signed(9).to_json()])
    one.post(1, 2, 3, 4)
    one.meter.read_chain()
    verifier = one.started("verifier")
    turn(one.world, verifier)
    meter = Meter(verifier)
    meter.read_store()
    for context in (one.relayer, verifier):
        context.metrics.chain.on_request("http://node", "eth_call", 0.01, "ChainUnavailable")
        context.metrics.chain.on_request("http://node", "what the contracts hold", None, "Outvoted")
        context.metrics.process.on_commit(0.0, 0.001)
        context.metrics.process.step_failures.labels("watch").inc()
    found: dict[str, Metric] = {}
    for context in (verifier, one.relayer):
        text = context.metrics.render()[0].decode()
        found |= {family.name: family for family in text_string_to_metric_families(text)}
    return found


def asked() -> Iterator[tuple[str, str]]:
    """Every query of the dashboard and the alerts, with where it stands."""
    dashboard = json.loads((GRAFANA / "afterproof.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield f"panel {panel['title']}", target["expr"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", variable["query"]["query"]
    for group in yaml.safe_load((GRAFANA / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield f"alert {rule['alert']}", rule["expr"]


NAME = r"\b((?:afterproof|process|python)_[a-z0-9_]+)(?:\{([^}]*)\})?"


def test_dashboard_and_alerts_ask_for_what_is_there(families: dict[str, Metric]) -> None:
    samples = {sample.name: sample.labels for one in families.values() for sample in one.samples}
    values = {
        (name, value) for one in families.values() for s in one.samples for name, value in s.labels.items()
    }
    every = {label for labels in samples.values() for label in labels} | {"job", "instance"}
    for where, query in asked():
        names = re.findall(NAME, query)
        assert names or "up{" in query, f"{where} asks for nothing"
        for name, matchers in names:
            assert name in samples, f"{where} asks for {name}, which is not shown"
            for label, how, value in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', matchers):
                known = {*samples[name], "job", "instance"}
                assert label in known, f"{where} asks for {name} by {label}, which it has not"
                assert how != "=" or (label, value) in values, f"{where}: no {label} is {value}"
        for listed in re.findall(r"\b(?:by|on|without) \(([^)]*)\)", query):
            assert {label.strip() for label in listed.split(",")} <= every, f"{where}: {listed}"
        assert query.count("(") == query.count(")") and query.count("{") == query.count("}")


def test_every_figure_is_on_the_dashboard(families: dict[str, Metric]) -> None:
    queries = " ".join(query for _, query in asked())
    shown = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name, _ in re.findall(NAME, queries)}
    ours = {name for name in families if name.startswith("afterproof_")}
    assert ours - shown == set()


def test_alerts_say_what_to_do() -> None:
    names = []
    for group in yaml.safe_load((GRAFANA / "alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            names.append(rule["alert"])
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert set(rule["annotations"]) == {"summary", "action"}
    assert len(names) == len(set(names)) > 15


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads((GRAFANA / "afterproof.json").read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells


UNITS = ("seconds", "bytes", "ether", "gas", "info", "block", "receipts", "batches", "leaves", "total")


def test_figures_are_named_by_convention(families: dict[str, Metric]) -> None:
    ours = [family for name, family in families.items() if name.startswith("afterproof_")]
    assert len(ours) > 50
    for family in ours:
        assert family.documentation.endswith(".") or family.name.endswith("_info"), family.name
        assert re.fullmatch(r"afterproof(_[a-z]+)+", family.name), family.name
        assert {sample.name for sample in family.samples if sample.name.endswith("_created")} == set()
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples)
        else:
            assert not family.name.endswith(("_total", "_count", "_sum", "_bucket"))
        if family.type == "histogram":
            assert family.name.endswith(("_seconds", "_receipts")), family.name
            assert all(s.labels.get("le") for s in family.samples if s.name.endswith("_bucket"))
        assert not re.search(r"_(ms|millis|milliseconds|minutes|wei|gwei|kb|mb)\b", family.name)
        assert len(family.samples) < 200, f"{family.name} has too many labels"


def test_figures_are_documented(families: dict[str, Metric]) -> None:
    page = (GRAFANA.parent / "operations.md").read_text()
    rows = re.findall(r"^\| `(afterproof_\w+)` \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE)
    listed = [(name, set(re.findall(r"\w+", labels)), what) for name, labels, what in rows]
    for name, one in families.items():
        if name.startswith("afterproof_"):
            labels = {label for sample in one.samples for label in sample.labels} - {"le"}
            row = (name + "_total" * (one.type == "counter"), labels, one.documentation)
            assert listed.count(row) == 1, f"docs/operations.md has not the row {row}"
    assert len(listed) == len([name for name in families if name.startswith("afterproof_")])


# --- what is counted --------------------------------------------------------------------------------


@on_both
def test_figures_are_what_happened(observed: Observed) -> None:
    observed.post(1, 2, 3, 4)
    world, figure = observed.world, observed.figure
    again = world.signed(7)
    stranger, forged = world.of_stranger(5), world.forged(6)
    intake(observed.relayer, [again, again, stranger, forged])
    hand_in(observed.relayer, [{"not": "a receipt"}])
    assert figure("receipts_accepted_total", scheme="SECP256K1") == 5
    assert figure("receipts_accepted_total", scheme="P256") == 0
    assert figure("receipts_repeated_total") == 1
    refused = {
        rule: figure("receipts_refused_total", rule=rule) for rule in ("node", "signature", "form", "full")
    }
    assert refused == {"node": 1, "signature": 1, "form": 1, "full": 0}
    assert (figure("promises_signed_total"), figure("receipts_promised_total")) == (2, 5)
    assert figure("batches_closed_total", reason="full") == 1
    assert (figure("batches_posted_total"), figure("leaves_posted_total")) == (1, 4)
    assert figure("trust_gap_seconds_count", until="posted") == 4
    posted = observed.relayer.store.batches.last_posted(1)
    held = observed.relayer.store.promises.holding(1, 0)
    assert posted is not None and held is not None
    issued = posted.posted_at - 2
    gap = figure("trust_gap_seconds_sum", until="posted")
    assert gap is not None and gap >= 4 * 2 and gap == 4 * (posted.posted_at - posted.header.oldest), issued
    margin = held.promise.include_by - posted.posted_at
    assert margin > 0 and figure("promise_deadline_margin_seconds_sum") == margin
    assert figure("batches_late_total") == 0
    assert figure("transactions_total", action="post") == 1
    assert figure("trust_gap_seconds_count", until="final") == 0
    world.wait(world.terms.window + 1)
    observed.round()
    assert figure("trust_gap_seconds_count", until="final") == 4
    assert figure("batches_final_total") == 1


@on_both
def test_levels_are_what_the_store_and_the_chain_hold(observed: Observed) -> None:
    figure, world = observed.figure, observed.world
    deadline = "promise_deadline_timestamp_seconds"
    assert figure(deadline) != figure(deadline), "no promise is open: it is NaN"
    world.take_in(observed.relayer, world.signed(1), world.signed(2))
    observed.meter.read_store()
    held = observed.relayer.store.promises.holding(1, 0)
    assert held is not None and figure(deadline) == held.promise.include_by
    assert (figure("receipts_waiting"), figure("receipts_unposted"), figure("batches_unposted")) == (2, 2, 0)
    assert figure("oldest_unposted_timestamp_seconds") == world.now
    assert figure("promisable_receipts") == AHEAD - 2
    from afterproof.steps.batch import batch

    world.take_in(observed.relayer, world.signed(3), world.signed(4))
    batch(observed.relayer)
    observed.meter.read_store()
    assert (figure("receipts_waiting"), figure("receipts_unposted"), figure("batches_unposted")) == (0, 4, 1)
    observed.meter.read_chain()
    stake, cover = 10.0, observed.relayer.chain.required_stake(1, 0) / ETHER
    assert figure("lane_stake_ether") == stake and figure("lane_cover_ether") == cover > 0
    assert figure("lane_free_stake_ether") == pytest.approx(stake - cover)
    balance = observed.relayer.chain.balance(RELAYER) / ETHER
    assert figure("account_balance_ether") == balance > 0
    cursor = observed.relayer.store.chain.cursor()
    assert cursor is not None
    assert figure("chain_cursor_block") == cursor.number
    assert figure("chain_head_timestamp_seconds") == cursor.timestamp
    assert figure("disk_free_bytes") or 0 > 0
    assert figure("leading") == 1


def test_figures_of_another_process_do_not_move(observed: Observed) -> None:
    other = observed.started("relayer")
    before = dict(samples(other))
    observed.post(1, 2, 3, 4)
    assert dict(samples(other)) == before


def samples(context: Context) -> Iterator[tuple[str, float]]:
    """A process's own figures, its memory and the like left out."""
    for family in context.metrics.registry.collect():
        if family.name.startswith("afterproof_"):
            for one in family.samples:
                if one.value == one.value:
                    yield f"{one.name} {one.labels}", one.value


def test_part_shows_its_own_figures_alone() -> None:
    relayer, verifier = Metrics("relayer").render()[0], Metrics("verifier").render()[0]
    assert b"afterproof_receipts_accepted" in relayer and b"afterproof_leaves_judged" not in relayer
    assert b"afterproof_receipts_accepted" not in verifier and b"afterproof_leaves_judged" in verifier


def test_labels_are_never_a_strangers(observed: Observed) -> None:
    bodies = [{f"field{n}": n} for n in range(30)] + [{"scheme": f"s{n}"} for n in range(30)]
    hand_in(observed.relayer, bodies)
    for n in range(10):
        ask(observed.relayer, "GET", f"/nowhere/{n}")
    text = observed.relayer.metrics.render()[0].decode()
    assert observed.figure("receipts_refused_total", rule="form") == 60
    assert observed.figure("http_requests_total", endpoint="none", status="404") == 10
    assert "field7" not in text and "nowhere" not in text


# --- what became of batches -------------------------------------------------------------------------


def test_batches_are_counted_once_and_not_again_after_a_restart(observed: Observed) -> None:
    observed.post(1, 2, 3, 4)
    for _ in range(3):
        observed.round()
    assert observed.figure("batches_posted_total") == 1
    again = observed.started("relayer")
    meter = Meter(again)
    turn(observed.world, again)
    meter.read_store()
    assert again.metrics.registry.get_sample_value("afterproof_batches_posted_total") == 0


def test_batch_that_landed_while_no_process_ran_is_counted(observed: Observed) -> None:
    world = observed.world
    world.take_in(observed.relayer, *[world.signed(n) for n in range(4)])
    _, batch, post, *_ = ROLES["relayer"]
    batch(observed.relayer)
    post(observed.relayer)  # and the process dies before it sees the event
    again = observed.started("relayer")
    meter = Meter(again)
    turn(world, again)
    meter.read_store()
    assert again.metrics.registry.get_sample_value("afterproof_batches_posted_total") == 1


def test_process_that_does_not_lead_counts_no_batch(observed: Observed) -> None:
    follower = observed.started("relayer")
    meter = Meter(follower)
    follower.metrics.process.lead(False)
    observed.post(1, 2, 3, 4)
    meter.read_store()
    value = follower.metrics.registry.get_sample_value
    assert value("afterproof_batches_posted_total") == 0 and value("afterproof_leading") == 0
    assert value("afterproof_receipts_unposted") == 0  # levels are everybody's
    follower.metrics.process.lead(True)
    meter.read_store()
    assert value("afterproof_batches_posted_total") == 0  # the one that led before has counted it
    observed.post(5, 6, 7, 8)
    meter.read_store()
    assert value("afterproof_batches_posted_total") == 1


def test_void_and_empty_leaves_have_no_gap(observed: Observed) -> None:
    world, relayer = observed.world, observed.relayer
    world.take_in(relayer, world.signed(1), world.signed(2))
    world.slip_in(relayer, world.forged(3), world.signed(4))
    observed.round()  # the relayer's own judge has the forged one give way to the empty leaf
    assert observed.figure("receipts_emptied_total") == 1
    assert observed.figure("trust_gap_seconds_count", until="posted") == 3
    posted = relayer.store.batches.last_posted(1)
    assert posted is not None
    place = Place(posted.block, bytes(32), posted.posted_at, posted.tx_hash, 0)
    with relayer.store.transaction():
        proven = FaultProven(posted.id, 0, FaultKind.BAD_SIGNATURE, VERIFIER, 1)
        relayer.store.faults.add(proven, place)
    world.wait(world.terms.window + 1)
    observed.round()
    assert observed.figure("trust_gap_seconds_count", until="final") == 2


@on_both
def test_late_batch_is_counted_as_late(observed: Observed) -> None:
    world = observed.world
    world.take_in(observed.relayer, *[world.signed(n) for n in range(4)])
    world.wait(world.terms.max_promise_delay + 3)
    observed.round()
    assert observed.figure("batches_posted_total") == 1
    assert observed.figure("batches_late_total") == 1
    assert observed.figure("promise_deadline_margin_seconds_bucket", le="0.0") == 1
    assert observed.figure("promise_deadline_margin_seconds_sum") == 0


def test_batch_that_a_reorganisation_took_counts_again(observed: Observed) -> None:
    observed.post(1, 2, 3, 4)
    posted = observed.relayer.store.batches.last_posted(1)
    assert posted is not None
    observed.world.chain.reorg(observed.relayer.chain.head().number - posted.block + 1)
    observed.world.wait(1)
    turn_watch = ROLES["relayer"][0]
    while turn_watch(observed.relayer):
        pass
    observed.meter.read_store()
    assert observed.relayer.store.batches.last_posted(1) is None
    observed.round()
    assert observed.figure("chain_reorganisations_total") == 1
    assert observed.figure("batches_posted_total") == 2


def test_spread_is_what_a_histogram_of_prometheus_is() -> None:
    values = {0: 3, 1: 2, 1.5: 4, 2: 1, 7: 5, 100: 2}
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    Spread("x_seconds", "Help.", (1, 2, 5, 10), ours).observe(values)
    plain = Histogram("x_seconds", "Help.", buckets=(1, 2, 5, 10), registry=theirs)
    for value, times in values.items():
        for _ in range(times):
            plain.observe(value)
    assert generate_latest(ours) == generate_latest(theirs)


# --- the loop ---------------------------------------------------------------------------------------


def test_steps_are_timed_and_their_failures_counted(tmp_path: Path) -> None:
    context, stop = World(tmp_path).relayer(), threading.Event()

    def failing(_: Context) -> bool:
        raise ChainUnavailable("no")

    def ending(_: Context) -> bool:
        stop.set()
        return False

    run((failing, ending), context, stop, poll=0)
    value = context.metrics.registry.get_sample_value
    assert value("afterproof_step_failures_total", {"step": "failing"}) == 1
    assert value("afterproof_step_duration_seconds_count", {"step": "ending"}) == 1
    assert value("afterproof_step_failures_total", {"step": "ending"}) is None


def test_requests_to_nodes_are_timed_and_their_errors_counted_by_kind() -> None:
    def answer(method: str, _: list[Any]) -> Any:
        return {"result": "0x1"} if method == "eth_chainId" else Http(status=503)

    metrics = Metrics("relayer")
    with false_node(answer) as url:
        asked = Rpc(
            url.replace("http://", "http://user:secret@") + "/secret", 5.0, observer=metrics.chain.on_request
        )
        assert asked.quantity("eth_chainId") == 1
        with pytest.raises(ChainUnavailable):
            asked.request("eth_blockNumber")
    value = metrics.registry.get_sample_value
    for method in ("eth_chainId", "eth_blockNumber"):
        labels = {"node": url, "method": method}
        assert value("afterproof_rpc_request_duration_seconds_count", labels) == 1
    failed = {"node": url, "method": "eth_blockNumber", "kind": "Unreachable"}
    assert value("afterproof_rpc_errors_total", failed) == 1
    text = metrics.render()[0].decode()
    assert "secret" not in text and 'method="eth_chainId",kind' not in text


def test_store_commits_are_timed(observed: Observed) -> None:
    told: list[tuple[float, float]] = []
    observed.relayer.store.tell_commits(lambda waited, took: told.append((waited, took)))
    observed.world.take_in(observed.relayer, observed.world.signed(1))
    assert len(told) == 1 and min(told[0]) >= 0
    with pytest.raises(ZeroDivisionError), observed.relayer.store.transaction():
        raise ZeroDivisionError
    assert len(told) == 1, "what was rolled back is no commit"


def test_liveness_tells_a_stuck_and_an_ended_loop() -> None:
    now = [100.0]
    liveness = Liveness(lambda: now[0])
    assert liveness.trouble() == ""
    liveness.take("post")
    now[0] += STUCK
    assert liveness.trouble() == ""
    now[0] += 1
    assert liveness.trouble() == f"step post has not come back for {STUCK + 1:.0f} seconds"
    liveness.rest(50)
    now[0] += STUCK + 50
    assert liveness.trouble() == ""
    now[0] += 1
    assert "has not gone on after a rest" in liveness.trouble()
    liveness.take("watch")
    liveness.end("its loop has ended")
    liveness.take("batch")
    assert liveness.trouble() == "its loop has ended"


# --- what is asked over HTTP ------------------------------------------------------------------------


def operate(context: Context, path: str) -> httpx.Response:
    """What a process answers at the address of its own for operators."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(create_operations_app(context))
        async with httpx.AsyncClient(transport=transport, base_url="http://operator.test") as client:
            return await client.get(path)

    return asyncio.run(send())


def test_metrics_over_http_are_in_the_format_asked_for(observed: Observed) -> None:
    plain = ask(observed.relayer, "GET", "/metrics")
    assert plain.headers["Content-Type"].startswith("text/plain; version=")
    assert "# TYPE afterproof_receipts_accepted_total counter" in plain.text
    accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
    other = ask(observed.relayer, "GET", "/metrics", headers=accept)
    assert other.headers["Content-Type"].startswith("application/openmetrics-text")
    assert other.text.endswith("# EOF\n")
    assert observed.figure("http_requests_total", endpoint="metrics", status="200") == 2


def test_metrics_with_a_port_of_their_own_are_not_beside_the_rest(observed: Observed) -> None:
    apart = observed.world.with_settings(observed.relayer, metrics_port=0)
    assert ask(apart, "GET", "/metrics").status_code == 404
    assert ask(apart, "GET", "/health").status_code == 200
    assert operate(apart, "/metrics").status_code == 200


def test_health_of_a_dead_loop_is_503(observed: Observed) -> None:
    assert ask(observed.relayer, "GET", "/health").status_code == 200
    observed.relayer.liveness.end("its loop has ended")
    answer = ask(observed.relayer, "GET", "/health")
    assert (answer.status_code, answer.json()["ok"], answer.json()["why"]) == (
        503,
        False,
        "its loop has ended",
    )


def unready(context: Context) -> dict[str, str]:
    """What /ready says is in the way."""
    answer = ask(context, "GET", "/ready")
    told = answer.json()
    why = {name: one["why"] for name, one in told["checks"].items() if not one["ok"]}
    assert (answer.status_code, told["ready"]) == ((503, False) if why else (200, True))
    return why


def test_ready_names_the_part_that_is_not(observed: Observed, monkeypatch: pytest.MonkeyPatch) -> None:
    relayer, world = observed.relayer, observed.world
    assert unready(relayer) == {}
    with monkeypatch.context() as patched:
        patched.setattr(operations, "LEAST_FREE", 2**80)
        assert set(unready(relayer)) == {"disk"}
    with monkeypatch.context() as patched:

        def broken() -> None:
            raise StoreUnavailable("the database /secret/place: disk I/O error")

        patched.setattr(relayer.store.chain, "cursor", broken)
        why = unready(relayer)
        assert set(why) >= {"store"} and "secret" not in str(why)
    authority = relayer.authority
    relayer.lane_watch.authority = replace(authority, obstacle="its fuse has blown")
    assert unready(relayer) == {"lane": "its fuse has blown"}
    relayer.lane_watch.authority = authority
    world.wait(1000)
    assert set(unready(relayer)) == {"chain", "lane"}


def test_verifier_answers_without_a_lane(tmp_path: Path) -> None:
    world = World(tmp_path)
    verifier = world.verifier()
    assert operate(verifier, "/ready").status_code == 503
    world.round(verifier)
    told = operate(verifier, "/ready")
    assert told.status_code == 200 and set(told.json()["checks"]) == {"store", "chain", "disk", "clock"}
    assert operate(verifier, "/health").json()["ok"] is True


@pytest.mark.parametrize("role", ["relayer", "verifier"])
def test_role_serves_its_metrics_on_a_port_of_their_own(tmp_path: Path, role: str) -> None:
    world, stop = World(tmp_path, ahead=4), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    changes = {"metrics_port": port, "store": tmp_path / "role.db", "poll": 0.05}
    if role == "relayer":
        settings = replace(world.config.relayer, port=0, **changes)  # type: ignore[arg-type]
        config = replace(world.config, relayer=settings)
        from tests.support.world import PROMISER

        chain = world.chain.account_view(RELAYER)
        work: Callable[[], None] = lambda: run_relayer(config, chain, stop, promiser=PROMISER)  # noqa: E731
    else:
        config = replace(world.config, verifier=replace(world.config.verifier, **changes))  # type: ignore[arg-type]
        prover = world.chain.account_view(VERIFIER)
        work = lambda: run_verifier(config, prover, stop)  # noqa: E731
    thread = threading.Thread(target=work)
    thread.start()
    try:
        until(lambda: "account_balance_ether" in levels(port) and levels(port)["leading"] == 1)
        assert httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200
        found = levels(port)
        assert found["loop_round_timestamp_seconds"] > 0 and found["store_commit_duration_seconds_count"] > 0
        assert ("lane_stake_ether" in found) is (role == "relayer")
    finally:
        stop.set()
        thread.join(timeout=30)
    assert not thread.is_alive()


def levels(port: int) -> dict[str, float]:
    """The figures without labels that are known, at a port; empty while nobody answers."""
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    except httpx.HTTPError:
        return {}
    return {
        sample.name.removeprefix("afterproof_"): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.labels and sample.value == sample.value
    }


def until(condition: Callable[[], bool]) -> None:
    """Wait for what must come."""
    for _ in range(600):
        if condition():
            return
        threading.Event().wait(0.1)
    raise AssertionError("it did not happen in time")
