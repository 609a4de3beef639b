"""Slither over the contracts: every finding is answered where it stands, or the check fails.

    python -m scripts.slither

An answer names the detector and gives the reason, behind a colon or in the comment lines above it:

    // slither-disable-next-line timestamp: a deadline is what this rule is about

    // Why assembly: 134 gas a hash against 310; the plain version is in the test harness.
    // slither-disable-start assembly
    ...
    // slither-disable-end assembly

Not examined: what is not ours (OpenZeppelin) and what is never deployed (contracts/test). The result is kept in
build/slither.json beside a hash of all that went into it.
"""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.compile import CONTRACTS, HARNESSES, ROOT, CompileError, compiler, settings

SLITHER = Path(sys.prefix) / "slither" / "bin" / "slither"
KEPT = ROOT / "build" / "slither.json"

#: Detectors without a place in our sources that could answer them: OpenZeppelin's files allow other compilers than
#: ours do, but ape-config.yaml names the only one that is used.
NOT_ASKED = ("pragma",)

ANSWER = re.compile(r"^\s*// slither-disable-(next-line|start) (?P<detectors>[a-z0-9,-]+)(?P<reason>.*)$")


class SlitherError(Exception):
    """Slither itself failed; its own words."""


@dataclass(frozen=True, order=True)
class Finding:
    """Something to mend or to answer, at a line of a source named from the project's root."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}"


def sources() -> dict[str, str]:
    """The content of every file of the product, by its name from the project's root."""
    paths = (path for path in CONTRACTS.rglob("*.sol") if not path.is_relative_to(HARNESSES))
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in sorted(paths)}


def standard_input() -> dict[str, Any]:
    """Standard JSON that asks for syntax trees alone: all that slither reads, and a tenth of the compiler's work."""
    return {
        "language": "Solidity",
        "sources": {name: {"content": content} for name, content in sources().items()},
        "settings": {**settings(), "outputSelection": {"*": {"": ["ast"]}}},
    }


def examined() -> list[dict[str, Any]]:
    """Slither's results, the dependencies' too. Raises SlitherError, and CompileError without a compiler."""
    content = json.dumps(standard_input())
    versions = [
        ROOT / name for name in ("requirements-slither.lock", "package-lock.json", "scripts/slither.py")
    ]
    key = hashlib.sha256(
        b"\0".join([content.encode(), *(path.read_bytes() for path in versions)])
    ).hexdigest()
    if KEPT.exists():
        kept = json.loads(KEPT.read_text())
        if kept["key"] == key:
            return list(kept["results"])
    results = _run(content)
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps({"key": key, "results": results}))
    return results


def _run(content: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder) / "input.json", Path(folder) / "result.json"
        source.write_text(content)
        command = [SLITHER, source, "--compile-force-framework", "Solc-json", "--solc", compiler()]
        options = ["--exclude", ",".join(NOT_ASKED), "--warn-unused-ignores", "--fail-none", "--json", result]
        ran = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False)
        report = json.loads(result.read_text()) if result.exists() else {"success": False, "error": None}
    if not report["success"]:
        raise SlitherError(report["error"] or ran.stderr)
    return list(report["results"].get("detectors", []))


def findings(results: list[dict[str, Any]]) -> list[Finding]:
    """What slither says of our sources, and of answers in them that answer nothing."""
    found = []
    for result in results:
        for unused in result.get("unused_ignores", []):
            if Path(unused["file"]).is_relative_to(CONTRACTS):
                name = Path(unused["file"]).relative_to(ROOT).as_posix()
                detectors = ", ".join(unused["unused_detectors"])
                found.append(Finding(name, unused["line"], f"answers {detectors}, which finds nothing here"))
        ours = [
            element
            for element in result["elements"]
            if element["source_mapping"]["filename_relative"].startswith("contracts/")
        ]
        if ours:
            # The statement where slither names one, rather than the function around it.
            place = next((one for one in ours if one["type"] == "node"), ours[0])["source_mapping"]
            text = f"{result['check']} ({result['impact'].lower()}): {result['description'].strip()}"
            found.append(Finding(place["filename_relative"], place["lines"][0], text))
    return found


def unreasoned(name: str, content: str) -> list[Finding]:
    """The answers in a source that give no reason, or that silence every detector."""
    found = []
    lines = content.splitlines()
    for number, line in enumerate(lines, start=1):
        answer = ANSWER.match(line)
        if answer is None:
            if "slither-disable-" in line and "slither-disable-end" not in line:
                found.append(Finding(name, number, "is no answer that slither reads: see scripts/slither.py"))
            continue
        above = lines[number - 2].strip() if number > 1 else ""
        explained = above.startswith("//") and not ANSWER.match(above) and "slither-disable-end" not in above
        if not explained and not re.fullmatch(r": \S.*", answer["reason"]):
            found.append(Finding(name, number, "answers without a reason"))
        if "all" in answer["detectors"].split(","):
            found.append(Finding(name, number, "must name the detectors that it answers"))
    return found


def main() -> int:
    try:
        found = findings(examined())
    except (SlitherError, CompileError) as error:
        print(error, file=sys.stderr)
        return 1
    for name, content in sources().items():
        found += unreasoned(name, content)
    for finding in sorted(found):
        print(finding, file=sys.stderr)
    if found:
        print(f"{len(found)} to mend or to answer; how is said in scripts/slither.py", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
