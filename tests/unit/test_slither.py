"""What `make lint` makes of slither's results, and of the answers to them.

findings
├── of a dependency alone: none
├── that touch our sources: at the statement, where there is one
└── an answer of ours that answers nothing: one; a dependency's: none
unreasoned
├── a reason behind a colon, or in a comment above: none
├── no reason, every detector at once, a misspelt answer: one each
└── the contracts as they are: none
"""

from typing import Any

import pytest

from scripts import slither
from scripts.slither import CONTRACTS, findings, unreasoned


def element(file: str, *lines: int, kind: str = "function") -> dict[str, Any]:
    return {"type": kind, "source_mapping": {"filename_relative": file, "lines": list(lines)}}


def result(*elements: dict[str, Any]) -> dict[str, Any]:
    return {"check": "timestamp", "impact": "Low", "description": "uses time\n", "elements": list(elements)}


def test_findings_ofADependencyAlone_areNone() -> None:
    assert findings([result(element("node_modules/x/X.sol", 1))]) == []


def test_findings_thatTouchOurs_nameTheStatement() -> None:
    theirs, ours = element("node_modules/x/X.sol", 1), element("contracts/A.sol", 3, 4, 5)
    (found,) = findings([result(theirs, ours, element("contracts/A.sol", 4, kind="node"))])
    assert str(found) == "contracts/A.sol:4: timestamp (low): uses time"
    (found,) = findings([result(theirs, ours)])
    assert found.line == 3


def test_findings_answersToNothing_onlyOurs() -> None:
    unused = [
        {"file": str(folder / "A.sol"), "line": 7, "unused_detectors": ["assembly"]}
        for folder in (CONTRACTS, CONTRACTS.parent / "node_modules")
    ]
    (found,) = findings([{**result(), "unused_ignores": unused}])
    assert str(found) == "contracts/A.sol:7: answers assembly, which finds nothing here"


@pytest.mark.parametrize(
    "source",
    [
        "    // slither-disable-next-line assembly: no other way",
        "    // Why there is no other way.\n    // slither-disable-next-line assembly,timestamp",
        "// Why.\n// slither-disable-start assembly\nx\n// slither-disable-end assembly",
    ],
)
def test_unreasoned_withAReason_isNone(source: str) -> None:
    assert unreasoned("A.sol", source) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("// slither-disable-next-line assembly", "without a reason"),
        ("// slither-disable-next-line assembly:", "without a reason"),
        ("// slither-disable-end timestamp\n// slither-disable-next-line assembly", "without a reason"),
        ("// slither-disable-next-line all: everything is fine", "must name"),
        ("x = y; // slither-disable-line assembly: no other way", "no answer"),
        ("/// slither-disable-next-line assembly: no other way", "no answer"),
    ],
)
def test_unreasoned_otherwise_isFound(source: str, words: str) -> None:
    (found,) = unreasoned("A.sol", source)
    assert words in found.what


def test_unreasoned_inTheContracts_isNone() -> None:
    assert [found for file, text in slither.sources().items() for found in unreasoned(file, text)] == []
