"""What the Python package ships of the contracts.

artifacts
  given the sources as they are: the committed ones should be what they compile to
  when deployed: each should fit the chain's limit (EIP-170)
compiler
  given the sources: it should have nothing to warn of
"""

import json

import pytest

from scripts import compile as compiler

SIZE_LIMIT = 24_576  # bytes of deployed code


@pytest.fixture(scope="module")
def compiled() -> compiler.Compiled:
    return compiler.compile_all(compiler.sources())


def test_artifacts_committed_areUpToDate(compiled: compiler.Compiled) -> None:
    assert compiler.out_of_date(compiled) == [], "run `make compile` and commit the artifacts"


def test_artifacts_deployed_fitTheLimit(compiled: compiler.Compiled) -> None:
    sizes = {name: len(a["deployedBytecode"]) // 2 - 1 for name, a in compiled.artifacts.items()}
    assert sizes
    assert {name: size for name, size in sizes.items() if size >= SIZE_LIMIT} == {}


def test_compiler_sources_giveNoWarning(compiled: compiler.Compiled) -> None:
    assert compiled.warnings == []


def test_packagedFiles_written_areCompactAndSorted(compiled: compiler.Compiled) -> None:
    for content in compiler.packaged_files(compiled).values():
        parsed = json.loads(content)
        assert list(parsed) == ["abi", "bytecode", "deployedBytecode", "linkReferences"]
        assert content.count("\n") == 1
