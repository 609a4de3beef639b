"""The container's definition, held against the repository: no engine runs where the tests do.

the definition
├── what it copies should exist, and be let through by its ignore file; keys and databases should not
├── it should run as somebody without rights, under a base that is pinned, with the command that users type
└── its health check should ask an address that the relayer answers
the pins
├── they should hold everything that the product declares, and no package that only the tests need
└── they should keep every hash, and refuse a package that the lock has not
"""

import fnmatch
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from scripts.container import pins
from tests.support.wheel import declared

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "scripts" / "container"
LINES = [
    line
    for line in (FOLDER / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    if line and not line.startswith("#")
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def instructions(name: str) -> list[str]:
    return [line.removeprefix(name).strip() for line in LINES if line.startswith(f"{name} ")]


def copied() -> list[str]:
    """What is copied from the checkout."""
    lines = [shlex.split(line) for line in instructions("COPY") if not line.startswith("--from=")]
    return [path for words in lines for path in words[:-1]]


def let_through(path: str) -> bool:
    """Whether the ignore file lets a path into the build: the last pattern that fits decides."""
    allowed = True
    for line in (FOLDER / "Dockerfile.dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!").removeprefix("**/")
            if path == pattern or path.startswith(f"{pattern}/") or fnmatch.fnmatch(path, pattern):
                allowed = line.startswith("!")
    return allowed


def test_what_it_copies_exists_and_is_let_through() -> None:
    assert {"pyproject.toml", "README.md", "requirements.lock", "python"} <= set(copied())
    for path in copied():
        assert (ROOT / path).exists(), path
        assert let_through(path), path


def test_nothing_else_comes_into_the_build() -> None:
    for path in (
        "relayer.json",
        "relayer.password",
        "afterproof.toml",
        "relayer.sqlite3",
        ".git",
        "tests",
        ".env",
    ):
        assert not let_through(path), path


def test_it_runs_as_nobody_in_particular_on_a_pinned_base() -> None:
    assert {line.split()[0] for line in instructions("FROM")} == {"python:3.11-slim-bookworm"}
    assert instructions("USER") == ["10001:10001"]
    assert instructions("VOLUME") == instructions("WORKDIR")[-1:] == ["/var/lib/afterproof"]
    (entry,) = instructions("ENTRYPOINT")
    assert json.loads(entry) == list(PROJECT["scripts"])
    # Everything of the last stage that writes is done before the user changes.
    assert LINES.index("USER 10001:10001") > max(i for i, line in enumerate(LINES) if line.startswith("RUN "))


def test_its_health_check_asks_what_the_relayer_answers() -> None:
    (address,) = [line.partition("=")[2] for line in instructions("ENV") if line.startswith("HEALTH_URL")]
    found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)(/\w+)", address)
    assert found is not None
    web = (ROOT / "python" / "afterproof" / "web").glob("*.py")
    assert any(f'"{found[2]}"' in source.read_text() for source in web)
    assert found[1] in [line for port in instructions("EXPOSE") for line in port.split()]
    (check,) = instructions("HEALTHCHECK")
    compile(json.loads(check.partition("CMD ")[2])[2], "health", "exec")


def run_pins(*arguments: str) -> str:
    command = [sys.executable, str(FOLDER / "pins.py"), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_pins_hold_what_the_product_declares_and_no_more() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *extras["postgres"], *extras["s3"]]
    printed = set(pins.blocks(run_pins("postgres", "s3")))
    assert {pins.name_of(name) for name in declared(wanted, {""})} <= printed
    assert not printed & {"eth-ape", "pytest", "eth-tester", "py-evm", "hypothesis", "numba", "moto"}
    assert "psycopg" not in pins.blocks(run_pins())
    assert "hatchling" in pins.blocks(run_pins("--build"))


def test_pins_keep_every_hash() -> None:
    lock = pins.blocks((ROOT / "requirements.lock").read_text())
    for name, block in pins.blocks(run_pins("s3")).items():
        assert block == lock[name]
        assert "--hash=sha256:" in block


def test_pins_refuse_what_the_lock_has_not() -> None:
    lock = pins.blocks("one==1 \\\n    --hash=sha256:00\n    # via two\ntwo==2 \\\n    --hash=sha256:11\n")
    assert pins.needed(lock, {"two"}) == {"one", "two"}
    with pytest.raises(KeyError, match="three"):
        pins.needed(lock, {"three"})
