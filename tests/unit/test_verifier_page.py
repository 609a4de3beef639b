"""The page about the verifier, held to the settings: each stands there, with its default.

docs/verifier.md
├── it should name every setting of the verifier but those of attestations, which have a page of their own
└── it should say the default that each has
"""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from afterproof.config import VerifierConfig, load
from afterproof.errors import ConfigError
from afterproof.settings import Answering

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROWS = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", (DOCS / "verifier.md").read_text(), re.MULTILINE))
ELSEWHERE = (DOCS / "attestation.md").read_text()


@pytest.mark.parametrize("name", [one.name for one in fields(VerifierConfig)])
def test_every_setting_is_on_a_page_with_its_default(name: str) -> None:
    if name not in ROWS:
        assert f"`verifier.{name}`" in ELSEWHERE, f"{name} is on no page"
        return
    default = getattr(VerifierConfig(), name)
    shown = {None: "none", "": "none", (): "none", True: "true", False: "false"}.get(default, default)
    shown = f"{shown:g}" if isinstance(shown, float) else shown
    assert ROWS[name].strip("` ") in (
        str(shown),
        f"{default:.0f}" if isinstance(default, float) else str(shown),
    )


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ('answer_others = "SOMETIMES"', "verifier.answer_others must be one of PAID, ALWAYS, NEVER"),
        (
            'mirrors = ["https://a.example", "ftp://b.example"]',
            "verifier.mirrors must be http or https addresses",
        ),
        ('demand_budget = "0"', "verifier.demand_budget must be an amount above zero"),
        ('probe = "example.org"', "verifier.probe must be an http or https address"),
        ("demand_after = -1", "verifier.demand_after must be from 0 to 86400"),
    ],
)
def test_setting_that_breaks_its_rule_is_named(tmp_path: Path, setting: str, sentence: str) -> None:
    file = tmp_path / "verifier.toml"
    file.write_text(f"[verifier]\n{setting}\n")
    with pytest.raises(ConfigError, match=sentence):
        load(file, {})


def test_settings_are_read_from_file_and_environment(tmp_path: Path) -> None:
    file = tmp_path / "verifier.toml"
    file.write_text(
        '[verifier]\nanswer_others = "NEVER"\nmirrors = ["https://a.example", "https://b.example"]\n'
    )
    found = load(file, {"AFTERPROOF_VERIFIER_ANSWER_OTHERS": "ALWAYS"}).verifier
    assert found.answer_others is Answering.ALWAYS
    assert found.mirrors == ("https://a.example", "https://b.example")
    assert found.archive == tmp_path / "archive"
