"""The demo's cheat, over the in-memory chain.

the cheat
├── it should slip in each of its three forgeries once, however often it is restarted
└── when a verifier looks → two receipts should be void by proof, one by rule, all others final
the product
└── no command should run it, and no module should import it
"""

import ast
from pathlib import Path

import afterproof
from afterproof.demo.cheat import SLIPS, cheat_batch
from afterproof.protocol.state import Standing, VoidReason
from afterproof.steps.finalise import finalise
from afterproof.steps.post import post
from afterproof.steps.query import find_receipt
from afterproof.steps.watch import watch
from tests.support.world import World

ROOT = Path(afterproof.__file__).parent
STEPS = (watch, cheat_batch, post, finalise)
HONEST = 110


def cheated(tmp_path: Path) -> World:
    """A world whose relayer cheated on a lane of many receipts, and was restarted after every few."""
    world = World(tmp_path, max_batch=1024)
    for number in range(0, HONEST, 10):
        relayer = world.relayer()
        world.round(relayer, steps=STEPS)
        world.take_in(relayer, *(world.signed(number + n, node=n % 2) for n in range(10)))
        world.round(world.relayer(), steps=STEPS)
        world.wait(1)
    return world


def test_cheat_slips_each_forgery_in_once(tmp_path: Path) -> None:
    world = cheated(tmp_path)
    assert world.relayer().store.receipts.count(world.lane) == HONEST + len(SLIPS)


def test_cheat_is_found_out_and_nobody_else_pays(tmp_path: Path) -> None:
    world = cheated(tmp_path)
    relayer, verifier = world.relayer(), world.verifier()
    for _ in range(30):
        world.round(relayer, steps=STEPS)
        world.round(verifier)
        world.wait(1)
    stored = relayer.store.receipts.in_order(world.lane, 0, 200)
    views = [find_receipt(relayer, one.leaf.hash) for one in stored]
    found = [(view.standing, view.void_reason) for view in views if view is not None]
    assert found.count((Standing.FINAL, VoidReason.NONE)) == HONEST
    assert found.count((Standing.VOIDED, VoidReason.FAULTY)) == 2
    assert found.count((Standing.VOIDED, VoidReason.NOT_ENTITLED)) == 1


def test_cheat_is_no_part_of_the_product() -> None:
    for source in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = {node.module or "", *(alias.name for alias in node.names)}
                assert not any(name.endswith("cheat") for name in names), source
