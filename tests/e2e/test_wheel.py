"""The built wheel, outside the repository, beside nothing but what it declares.

the wheel
├── it should hold each source, artifact and model of the package, and nothing else
└── it should declare the extras that the docs name
installed, in an empty folder, with a bare environment
├── each of its modules should be importable, or say which extra it needs: the tests' packages are absent
├── it should say its version and its help
├── it should write a settings file and keys
└── its devnet should deploy, answer and post: the receipt verifies by the chain alone
"""

import json
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from afterproof import __version__
from afterproof.gateway import client, models
from afterproof.gateway.receipting import to_header, to_wire
from afterproof.protocol.receipt import Domain
from tests.support import wheel

PACKAGE = wheel.ROOT / "python" / "afterproof"
ANVIL = Path(sys.prefix) / "bin" / "anvil"

IMPORT_ALL = """
import importlib, pkgutil, afterproof
from afterproof.errors import ConfigError
from pathlib import Path
for module in pkgutil.walk_packages(afterproof.__path__, "afterproof."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ConfigError as error:
            assert "install afterproof[" in str(error)  # an extra's module says what to install
        except ModuleNotFoundError as error:  # or is loaded only where the extra is there
            found = module.name.removeprefix("afterproof."), error.name
            assert found in {
                ("protocol.merkle_compiled", "numba"),
                ("protocol.hashing_compiled", "numba"),
                ("store.postgres_claims", "psycopg"),
            }
print(Path(afterproof.__file__).parent)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel.build(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def programs(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel.install(built, tmp_path_factory.mktemp("installed") / "venv")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder."""
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of the tests' environment but anvil, which no wheel brings."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "anvil").symlink_to(ANVIL.resolve())
    return {"PATH": f"{tmp_path / 'path'}:/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}


def run(command: list[str], place: Path, environment: dict[str, str]) -> str:
    """What a program that must succeed prints."""
    ran = subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_wheel_holds_the_whole_package_and_nothing_else(built: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "."],
        cwd=PACKAGE, capture_output=True, text=True, check=True,
    )  # fmt: skip
    sources = {f"afterproof/{name}" for name in listed.stdout.splitlines() if (PACKAGE / name).exists()}
    names = set(zipfile.ZipFile(built).namelist())
    assert "afterproof/gateway/models/digits.bin" in sources
    assert {name for name in names if ".dist-info/" not in name} == sources
    assert any(name.endswith("/LICENSE") for name in names)


def test_wheel_declares_its_extras(built: Path) -> None:
    (held,) = metadata.distributions(path=[str(built)])
    assert {"postgres", "s3"} <= set(held.metadata.get_all("Provides-Extra") or [])
    assert held.version == __version__


def test_each_module_needs_only_what_is_declared(
    programs: Path, place: Path, environment: dict[str, str]
) -> None:
    shown = run([str(programs / "python"), "-c", IMPORT_ALL], place, environment)
    assert shown.strip() == str(programs.parent / wheel.PYTHON / "afterproof")


def test_first_commands_work(programs: Path, place: Path, environment: dict[str, str]) -> None:
    afterproof = str(programs / "afterproof")
    assert __version__ in run([afterproof, "--version"], place, environment)
    assert "relayer" in run([afterproof, "--help"], place, environment)
    run([afterproof, "init", "relayer.toml"], place, environment)
    run([afterproof, "keys", "new", "relayer.json"], place, environment)
    assert {path.name for path in place.iterdir()} == {"relayer.toml", "relayer.json", "relayer.password"}


@pytest.fixture
def devnet(programs: Path, place: Path, environment: dict[str, str]) -> Iterator[str]:
    """What a devnet in the folder ``net`` said when it was up; it must end tidily on Ctrl-C."""
    log = place / "log"
    with log.open("w") as out:
        command = [str(programs / "afterproof"), "devnet", "--dir", "net"]
        process = subprocess.Popen(command, cwd=place, env=environment, stdout=out, stderr=out)
    try:
        _wait(lambda: "Ctrl-C ends it." in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield log.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()


def test_devnet_deploys_answers_and_posts(
    devnet: str, programs: Path, place: Path, environment: dict[str, str]
) -> None:
    found = re.search(r"gateway-1 +(http://\S+), node 0x(\w+)", devnet)
    assert found is not None
    deployment = json.loads((place / "net" / "deployment.json").read_text())
    domain = Domain(deployment["chainId"], bytes.fromhex(deployment["registry"][2:]))
    images, _ = models.heldout()
    answer = client.infer(found[1], "digits", np.asarray(images[:1]), domain, node=bytes.fromhex(found[2]))
    settings = ["--config", "net/afterproof.toml"]
    verify = [str(programs / "afterproof"), *settings, "receipt", "verify", to_header(to_wire(answer.signed))]

    def posted() -> bool:
        ran = subprocess.run(
            [*verify, "--least", "posted", "--json"],
            cwd=place, env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return ran.returncode == 0 and json.loads(ran.stdout)["signature_valid"] is True

    _wait(posted)


def _wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)
