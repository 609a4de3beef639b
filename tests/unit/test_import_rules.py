"""Who may import what: the architecture, read from the sources.

a source file
├── when it is in protocol/
│   ├── it should import nothing else of Afterproof
│   └── it should import nothing that reads a clock, chance, the environment, a disk or a network
├── when it is in attestation/
│   └── it should import the protocol alone of Afterproof, and nothing that reads a clock, a disk or a network
├── when it is not in chain/
│   └── it should import no web3, eth_account (key files excepted) or ape
├── when it is not in store/
│   └── it should import no database
├── when it is a step
│   └── it should import no other step
├── when it is neither roles, loop, node, audit, web, CLI nor demo
│   └── it should import no step
└── when it is in steps/, store/, data/, audit/ or web/
    └── it should see the chain through chain.base alone
"""

import ast
from pathlib import Path

import pytest

import afterproof

ROOT = Path(afterproof.__file__).parent
SOURCES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))

# What the pure core may use: cryptography and the language itself. Anything else is argued for here first.
PURE = {
    "abc", "collections", "contextlib", "dataclasses", "enum", "functools", "typing",
    "awscrt", "coincurve", "cryptography", "hashlib", "sha3", "zlib",
}  # fmt: skip
# What one file alone may use beyond that: compiled code over arrays, which the pure core runs without.
COMPILED = {Path(f"protocol/{name}_compiled.py"): {"numba", "numpy"} for name in ("merkle", "hashing")}
# What reading an enclave's document takes beyond that: its encoding, its fingerprints.
PURE_ATTESTATION = PURE | {"cbor2", "hashlib", "itertools", "warnings"}
CHAIN_LIBRARIES = {"web3", "eth_account", "eth_keyfile", "ape", "requests"}
DATABASES = {"sqlite3", "psycopg", "sqlalchemy", "dbm"}
# A key file is made and read where there is no chain at all.
EXCEPTED = {(Path("keyfiles.py"), "eth_account")}


def imports(source: Path) -> set[str]:
    """Every module that a file imports, by its full name; of ``from a import b`` both ``a`` and ``a.b``."""
    package = ["afterproof", *source.parts[:-1]]
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / source).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def within(source: Path, *packages: str) -> bool:
    """Whether a file belongs to one of these packages or modules."""
    return source.parts[0] in packages or (source.stem in packages and len(source.parts) == 1)


def ours(source: Path, package: str) -> set[str]:
    """What a file imports of one of our packages, as names below it."""
    prefix = f"afterproof.{package}."
    return {name.removeprefix(prefix) for name in imports(source) if name.startswith(prefix)}


@pytest.mark.parametrize("source", [s for s in SOURCES if within(s, "protocol")], ids=str)
def test_protocol_imports_only_what_is_pure(source: Path) -> None:
    for name in imports(source):
        if name == "afterproof.protocol" or name.startswith("afterproof.protocol."):
            continue
        assert name.split(".")[0] in PURE | COMPILED.get(source, set()), f"{source} imports {name}"


@pytest.mark.parametrize("source", [s for s in SOURCES if within(s, "attestation")], ids=str)
def test_attestation_imports_only_what_is_pure_and_the_protocol(source: Path) -> None:
    for name in imports(source):
        if name.startswith(("afterproof.attestation", "afterproof.protocol")):
            continue
        assert name.split(".")[0] in PURE_ATTESTATION, f"{source} imports {name}"


@pytest.mark.parametrize("source", [s for s in SOURCES if not within(s, "chain")], ids=str)
def test_chain_libraries_outside_chain_are_not_imported(source: Path) -> None:
    used = {name.split(".")[0] for name in imports(source)} & CHAIN_LIBRARIES
    assert {name for name in used if (source, name) not in EXCEPTED} == set()


@pytest.mark.parametrize("source", [s for s in SOURCES if not within(s, "store")], ids=str)
def test_database_outside_store_is_not_imported(source: Path) -> None:
    assert {name.split(".")[0] for name in imports(source)} & DATABASES == set()


@pytest.mark.parametrize("source", [s for s in SOURCES if within(s, "steps")], ids=str)
def test_steps_import_no_other_step(source: Path) -> None:
    # What steps are given, and what they stand on.
    shared = {
        "context",
        "ground",
        "handing",
        "network",
        "placing",
        "rehearse",
        "rolls",
        "shelf",
        "turns",
        "unstored",
        "Context",
        "Step",
    }
    assert {name.split(".")[0] for name in ours(source, "steps")} <= shared


@pytest.mark.parametrize(
    "source",
    [s for s in SOURCES if not within(s, "steps", "roles", "loop", "node", "audit", "web", "cli", "demo")],
    ids=str,
)
def test_steps_are_imported_only_by_who_runs_them(source: Path) -> None:
    assert "afterproof.steps" not in imports(source) and not ours(source, "steps")


@pytest.mark.parametrize(
    "source",
    [s for s in SOURCES if within(s, "steps", "store", "data", "audit", "web", "loop", "node")],
    ids=str,
)
def test_everything_but_the_command_line_sees_the_chain_as_base_has_it(source: Path) -> None:
    assert {name.split(".")[0] for name in ours(source, "chain")} <= {"base"}


def test_importing_the_roles_loads_no_chain_library_and_no_compiler() -> None:
    """A verifier on the in-memory chain needs none: what base imports counts too."""
    import subprocess
    import sys

    program = "import sys, afterproof.node; print(sorted(set(sys.modules) & {'web3', 'eth_account', 'ape', 'numba'}))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
