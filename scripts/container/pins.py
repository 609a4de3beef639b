"""Print the part of requirements.lock that the product needs, hashes included.

    python scripts/container/pins.py postgres s3     its dependencies, with these extras
    python scripts/container/pins.py --build         what builds its wheel

The lock says behind each package which others brought it (``# via``); what nothing needed brings is left out.
"""

import argparse
import re
import sys
import tomllib
from pathlib import Path

#: The lock says that web3 brought them; it does for its extra `tester` alone, which ape asks for.
NOT_OURS = {"eth-tester", "py-geth"}

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


def name_of(requirement: str) -> str:
    """A requirement's name as the lock writes it."""
    found = NAME.match(requirement)
    if found is None:
        raise ValueError(f"{requirement!r} names no package")
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def blocks(lock: str) -> dict[str, str]:
    """The lines of each package in a lock: the pin, its hashes, and who brought it."""
    return {name_of(block): block for block in re.split(r"(?m)^(?=[A-Za-z0-9])", lock)[1:]}


def brought_by(block: str) -> set[str]:
    """The packages that brought a package."""
    comments = re.findall(r"(?m)^ +# +(.+)$", block)
    return {name_of(line.removeprefix("via ")) for line in comments if line != "via"}


def needed(lock: dict[str, str], roots: set[str]) -> set[str]:
    """The roots and all that they bring. Raises KeyError for a root that is not in the lock."""
    for root in roots:
        lock[root]
    parents = {name: brought_by(block) for name, block in lock.items()}
    found = set(roots)
    while more := {name for name, by in parents.items() if by & found} - found - NOT_OURS:
        found |= more
    return found


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Print the part of requirements.lock that the product needs."
    )
    parser.add_argument("extras", nargs="*", help="extras of pyproject.toml")
    parser.add_argument("--build", action="store_true", help="what builds the wheel, instead")
    given = parser.parse_args()
    project = tomllib.loads(Path("pyproject.toml").read_text())
    if given.build:
        wanted = project["build-system"]["requires"]
    else:
        extras = project["project"]["optional-dependencies"]
        wanted = [
            *project["project"]["dependencies"],
            *(one for extra in given.extras for one in extras[extra]),
        ]
    lock = blocks(Path("requirements.lock").read_text())
    chosen = needed(lock, set(map(name_of, wanted)))
    print("".join(lock[name] for name in sorted(chosen)), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
