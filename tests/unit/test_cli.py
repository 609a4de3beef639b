"""The command line as a whole: help, errors, exit statuses.

help
├── when any command is asked for help → it should answer with status 0 and show an example
└── when a command acts for an operator → it should know --dry-run and --json, and each reading one --json
a run
├── when the command line is wrong → it should end with status 2 and say what is wrong
├── when a setting or file is → it should end with status 1 and one sentence
├── when the node does not answer → it should end with status 1 and one sentence
├── when nobody foresaw the error → it should say so, without a traceback unless asked for
├── when Ctrl-C comes → it should end with status 130, and say nothing
└── when its reader has gone → it should end quietly
secrets
└── no command should take one on its command line
the README, and the pages in docs/
├── they should name commands, options and files that exist
└── its example of a consumer should compile
"""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from afterproof.cli.app import afterproof
from afterproof.cli.session import Session
from afterproof.config import SECTIONS
from scripts.compile import compiler, settings
from tests.support.cli import run

OPERATORS = (
    ["init"], ["keys", "new"], ["lane", "open"], ["lane", "top-up"], ["node", "endorse"], ["node", "revoke"],
    ["credits", "withdraw"], ["guardian", "appoint"], ["guardian", "pause"], ["epoch", "announce"],
    ["timelock", "schedule"], ["timelock", "execute"], ["timelock", "cancel"], ["demand", "open"],
    ["demand", "answer"], ["demand", "expire"], ["promise", "claim"], ["lane", "rotate"], ["lane", "exit"],
    ["lane", "release"], ["lane", "withdraw"], ["attestation", "post"], ["attestation", "nonce", "open"],
    ["attestation", "prove"], ["attestation", "challenge"], ["attestation", "expire"], ["attestation", "retire"],
    ["attestation", "release"],
)  # fmt: skip
READERS = (
    ["lane", "show"],
    ["node", "list"],
    ["credits", "show"],
    ["receipt", "show"],
    ["receipt", "verify"],
    ["attestation", "show"],
    ["attestation", "list"],
)
SECRET_WORDS = ("password", "private", "secret", "mnemonic")


def commands(
    command: click.Command = afterproof, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below ``command`` with the words that lead to it."""
    yield path, command
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from commands(each, (*path, name))


LEAVES = [path for path, command in commands() if not isinstance(command, click.Group)]


@pytest.mark.parametrize("path", [path for path, _ in commands()], ids=" ".join)
def test_help_of_any_command_is_there(path: tuple[str, ...]) -> None:
    ran = run(*path, "--help")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: {' '.join(('afterproof', *path))}")


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_help_of_a_command_shows_how_it_is_used(path: tuple[str, ...]) -> None:
    _, found, examples = run(*path, "--help").out.partition("Examples:")
    assert found
    assert f"afterproof {' '.join(path)}" in examples


@pytest.mark.parametrize("path", OPERATORS, ids=" ".join)
def test_operators_commands_can_be_rehearsed_and_read_by_programs(path: list[str]) -> None:
    text = run(*path, "--help").out
    assert "--dry-run" in text
    assert "--json" in text


@pytest.mark.parametrize("path", READERS, ids=" ".join)
def test_reading_commands_can_be_read_by_programs(path: list[str]) -> None:
    assert "--json" in run(*path, "--help").out


def test_no_command_takes_a_secret_on_its_command_line() -> None:
    for path, command in commands():
        for parameter in command.params:
            if any(word in str(parameter.name) for word in SECRET_WORDS):
                assert str(parameter.name).endswith("_file"), f"{path}: {parameter.name}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lnae"], "No such command 'lnae'"),
        (["lane", "open"], "Missing option '--stake'"),
        (["lane", "open", "--stake", "much"], "'much' is not an amount"),
        (["lane", "top-up", "0", "1ether"], "0 is not in the range"),
        (["node", "revoke", "0x12", "--reason", "x"], "'0x12' is not 32 bytes"),
        (["credits", "show", "0x" + "zz" * 20], "is not an address"),
        (["keys", "new", "x", "--scheme", "ROT13"], "'ROT13' is not one of"),
    ],
)
def test_run_with_a_wrong_command_line_says_what_is_wrong(arguments: list[str], said: str) -> None:
    ran = run(*arguments)
    assert ran.status == 2
    assert said in ran.err
    assert ran.out == ""


def test_run_with_a_missing_settings_file_is_one_sentence() -> None:
    ran = run("--config", "/nowhere/a.toml", "lane", "show")
    assert ran.status == 1
    assert ran.err == "error: the settings file /nowhere/a.toml cannot be read: No such file or directory\n"


def test_run_takes_the_settings_file_before_or_behind_the_command(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[lane]\n")
    for arguments in (("--config", str(file), "lane", "show"), ("lane", "show", "--config", str(file))):
        ran = run(*arguments)
        assert ran.status == 1
        assert "[lane] is not a section" in ran.err


def test_run_without_a_deployment_names_the_missing_file(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("")
    ran = run("--config", str(file), "lane", "show")
    assert ran.status == 1
    assert str(tmp_path / "deployment.json") in ran.err
    assert ran.err.count("\n") == 1


def test_run_against_a_node_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "deployment.json").write_text(
        '{"chainId": 1, "block": 0, "settlement": "0x' + "11" * 20 + '", "registry": "0x' + "22" * 20 + '",'
        ' "contracts": {}, "parameters": {}}'
    )
    file = tmp_path / "a.toml"
    file.write_text('[chain]\nrpc = "http://127.0.0.1:9/key-in-the-path"\n')
    ran = run("--config", str(file), "lane", "show")
    assert ran.status == 1
    assert ran.err.startswith("error: the node at http://127.0.0.1:9 ")
    assert "key-in-the-path" not in ran.err


class Broken(Session):
    """A session in which something is wrong that nobody foresaw."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    @property
    def reader(self):  # type: ignore[no-untyped-def, override]
        raise self.error


def test_run_that_meets_an_unforeseen_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFTERPROOF_TRACEBACK", raising=False)
    ran = run("lane", "show", session=Broken(ZeroDivisionError("odd")))
    assert ran.status == 1
    assert "ZeroDivisionError: odd" in ran.err
    assert "Traceback" not in ran.err
    monkeypatch.setenv("AFTERPROOF_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        run("lane", "show", session=Broken(ZeroDivisionError("odd")))


def test_run_that_is_interrupted_ends_with_130() -> None:
    ran = run("lane", "show", session=Broken(KeyboardInterrupt()))
    assert ran.status == 130
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_run_whose_reader_has_gone_ends_quietly() -> None:
    program = [sys.executable, "-m", "afterproof.cli", "init", "--dry-run"]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(30) in (0, 1)


# --- what the README says --------------------------------------------------------------------------


ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))


def readme_lines() -> list[list[str]]:
    """The words of every command line of ours in the README and in docs/."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    quoted = re.findall(r"`(afterproof [^`]+)`", text) + re.findall(r"(?m)^    (afterproof .+)$", text)
    return [shlex.split(line)[1:] for line in quoted]


@pytest.mark.parametrize("words", readme_lines(), ids=" ".join)
def test_readme_names_commands_and_options_that_exist(words: list[str]) -> None:
    command: click.Command = afterproof
    if words[0] == "--config":
        words = words[2:]
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word for word in words if word.startswith("--")} <= known


def test_readme_maps_the_line_to_files_that_exist() -> None:
    root = ROOT
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = re.findall(
        r"`((?:steps|gateway|web|data|cli|contracts|protocol|chain|store|scripts)/[\w./]*)`", text
    )
    assert len(named) > 10
    for name in named:
        assert (root / name).exists() or (root / "python" / "afterproof" / name).exists(), name


def test_docs_name_settings_that_exist() -> None:
    """`section.name` in a page is a setting."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = re.findall(rf"`({'|'.join(SECTIONS)})\.(\w+)`", text)
    assert len(named) >= 6
    for section, name in named:
        assert name in {one.name for one in fields(SECTIONS[section])}, f"{section}.{name}"


def test_readme_shows_a_consumer_that_compiles() -> None:
    root = Path(__file__).parents[2]
    (example,) = re.findall(
        r"(?s)```solidity\n(.+?)```", (root / "docs" / "roles" / "dapp.md").read_text(encoding="utf-8")
    )
    assert "Oracle" in example
    source = {"content": f"// SPDX-License-Identifier: MIT\npragma solidity 0.8.30;\n{example}"}
    selection = {"*": {"*": ["abi"]}}
    standard = {
        "language": "Solidity",
        "sources": {"contracts/Readme.sol": source},
        "settings": {**settings(), "outputSelection": selection},
    }
    command = [compiler(), "--standard-json", "--base-path", root]
    ran = subprocess.run(command, input=json.dumps(standard), capture_output=True, text=True, check=True)
    output = json.loads(ran.stdout)
    assert [problem["formattedMessage"] for problem in output.get("errors", [])] == []
    assert "Oracle" in output["contracts"]["contracts/Readme.sol"]


def test_demo_keeps_its_files_in_a_folder_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    ran = run("demo", "--keep", str(tmp_path))
    assert ran.status == 2
    assert "is not empty" in ran.err
