"""The package as its users have it: a wheel, in an environment that holds what the wheel declares and nothing else.

Nothing is fetched: the declared distributions, and theirs, are linked from the environment that runs the tests.
"""

import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path("lib") / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"


def build(folder: Path) -> Path:
    """The wheel of this checkout, built into ``folder``."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path, extras: Iterable[str] = ()) -> Path:
    """The folder of programs of a new environment with the wheel and what it declares."""
    venv.create(folder, with_pip=False)
    (held,) = metadata.distributions(path=[str(wheel)])
    for name in declared(held.requires or [], {"", *extras}):
        _link(metadata.distribution(name), folder / PYTHON)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        str(folder / "bin" / "python"),
    ]
    command = [*pip, "install", "--no-index", "--no-deps", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "bin"


def declared(requirements: Iterable[str], extras: set[str]) -> set[str]:
    """The distributions that these requirements bring, directly or not."""
    found: dict[str, set[str]] = {}
    waiting = list(_wanted(requirements, extras))
    while waiting:
        one = waiting.pop()
        # The markers of what it brings may ask for any of its extras that somebody asked for.
        known = found.setdefault(one.name.lower(), set())
        asked = {"", *one.extras}
        if not asked <= known:
            known |= asked
            waiting += _wanted(metadata.requires(one.name) or [], known)
    return set(found)


def _wanted(requirements: Iterable[str], extras: set[str]) -> Iterator[Requirement]:
    for requirement in map(Requirement, requirements):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
            yield requirement


def _link(distribution: metadata.Distribution, folder: Path) -> None:
    """Each module, package and folder of libraries of a distribution, linked into ``folder``."""
    names = {file.parts[0] for file in distribution.files or [] if file.parts[0] not in ("..", "__pycache__")}
    assert names, f"{distribution.name} does not say which files it has"
    for name in names:
        link = folder / name
        if not link.exists():  # two distributions may share a namespace
            link.symlink_to(Path(str(distribution.locate_file(name))))
