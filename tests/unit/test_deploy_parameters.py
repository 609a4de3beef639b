"""Parameter files and address files: what is read, and what is refused by file, key and rule.

load_parameters
├── the three files that ship: the defaults of protocol.terms; and back through to_json
├── no file, no TOML, no UTF-8
├── a key unknown or missing; a value of the wrong type or out of range; an amount or address that is none
├── terms that break a rule of the contract
└── production: without a timelock, with windows of the demo
load_deployment
├── what deployment wrote
└── no file, no JSON, no object; a field missing, unknown, of the wrong type; one contract twice
"""

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterproof.chain.address_file import load_deployment
from afterproof.chain.base import Deployment
from afterproof.chain.parameter_values import parse_amount
from afterproof.chain.parameters import (
    NOBODY,
    Kind,
    Parameters,
    load_parameters,
    parse_parameters,
)
from afterproof.chain.parameters_heartbeats import DEMO_HEARTBEATS, PRODUCTION_HEARTBEATS
from afterproof.errors import ConfigError
from afterproof.protocol.registry_terms import DEMO_REGISTRY, PRODUCTION_REGISTRY
from afterproof.protocol.terms import DEMO, ETHER, PRODUCTION
from afterproof.units import ether

FILES = Path(__file__).resolve().parents[2] / "scripts" / "parameters"
CHECKSUMMED = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def shipped(kind: str) -> dict[str, Any]:
    return tomllib.loads((FILES / f"{kind}.toml").read_text())


# --- load_parameters ---------------------------------------------------------------------------


def test_the_shipped_files_hold_the_defaults() -> None:
    assert load_parameters(FILES / "development.toml") == Parameters(
        Kind.DEVELOPMENT, None, None, 0, DEMO, DEMO_REGISTRY, DEMO_HEARTBEATS
    )
    assert load_parameters(FILES / "production.toml") == Parameters(
        Kind.PRODUCTION, None, None, 172_800, PRODUCTION, PRODUCTION_REGISTRY, PRODUCTION_HEARTBEATS
    )
    assert load_parameters(FILES / "test.toml").kind is Kind.TEST
    # "longer than any lane needs to leave" would be false otherwise: see production.toml
    assert PRODUCTION.time_to_leave > 172_800


@pytest.mark.parametrize("kind", list(Kind))
def test_to_json_is_the_form_of_the_file(kind: Kind) -> None:
    parameters = load_parameters(FILES / f"{kind}.toml")
    assert parse_parameters(parameters.to_json()) == parameters
    account = bytes.fromhex(CHECKSUMMED[2:])
    owned = replace(parameters, owner=account, guardian=account)
    assert owned.to_json()["owner"] == owned.to_json()["guardian"] == CHECKSUMMED
    assert parse_parameters(owned.to_json()) == owned
    unguarded = replace(parameters, guardian=NOBODY)
    assert unguarded.to_json()["guardian"] == "none"
    assert parse_parameters(unguarded.to_json()) == unguarded


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    with pytest.raises(ConfigError, match=f"{file}: the parameter file cannot be read"):
        load_parameters(file)
    for content in (b"kind = ", b"\xff\xfe", b"a = 1\na = 2"):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=f"{file}: the parameter file is not TOML"):
            load_parameters(file)
    file.write_text((FILES / "development.toml").read_text().replace("window = 12", "window = -1", 1))
    with pytest.raises(ConfigError, match=rf"{file}: terms\.window must be a whole number from 0"):
        load_parameters(file)


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("kind", "staging", "kind must be one of development, test, production"),
        ("kind", 1, "kind must be one of"),
        ("kind", ["test"], "kind must be one of"),
        ("owner", "me", r'owner is not an address.*; or "deployer"'),
        ("owner", CHECKSUMMED[:-1], "owner is not an address: 0x and 40"),
        ("owner", CHECKSUMMED.replace("Fd6", "fd6"), r"wrong checksum"),
        ("owner", "0x" + "0" * 40, "owner must not be the zero address"),
        ("owner", 7, "owner is not an address"),
        ("owner", "none", r'owner is not an address.*; or "deployer"'),
        ("guardian", "me", r'guardian is not an address.*; or "deployer", or "none"'),
        ("guardian", "0x" + "0" * 40, "guardian must not be the zero address"),
        ("timelock_delay", -1, "timelock_delay must be a whole number from 0"),
        ("timelock_delay", 1.5, "timelock_delay must be a whole number from 0"),
        ("timelock_delay", 10**9, "timelock_delay must be a whole number from 0 to 31536000"),
        ("nitro_root", "0x12", "nitro_root must be 32 bytes in hex"),
        ("nitro_root", "64" * 32, "nitro_root must be 32 bytes in hex"),
        ("nitro_root", 5, "nitro_root must be 32 bytes in hex"),
        ("terms", 5, "terms must be a table"),
        ("registry", 5, "registry must be a table"),
        ("surprise", 5, "surprise is not a parameter; there are kind, owner"),
        ("terms.surprise", 5, r"terms\.surprise is not a parameter; there are terms\.window"),
        ("terms.window", "12", r"terms\.window must be a whole number from 0 to 4294967295"),
        ("terms.window", True, r"terms\.window must be a whole number"),
        ("terms.window", 2**32, r"terms\.window must be a whole number"),
        ("terms.window", 9, r"terms\.window breaks a rule: window is at least twice answer_period"),
        ("terms.max_outage", 13, r"terms\.window breaks a rule: window is at least max_outage"),
        ("terms.cover_share", 0, r"terms\.cover_share breaks a rule: cover_share is 1 to 10000"),
        ("terms.cover_share", 10_001, r"terms\.cover_share must be a whole number from 0 to 10000"),
        ("terms.leaf_slash", 5, r"terms\.leaf_slash must be an amount with its unit"),
        ("terms.leaf_slash", "5 euro", r"terms\.leaf_slash is not an amount"),
        ("terms.leaf_slash", "-5 ether", r"terms\.leaf_slash is not an amount"),
        (
            "terms.leaf_slash",
            "1 wei",
            r"terms\.leaf_slash breaks a rule: leaf_slash is a whole number of gwei",
        ),
        (
            "terms.min_stake",
            "100000 ether",
            r"terms\.min_stake breaks a rule: min_stake is at most 70368 ether",
        ),
        ("registry.surprise", 5, r"registry\.surprise is not a parameter; there are registry\.window"),
        ("registry.max_reach_back", 5, r"registry\.max_reach_back is not a parameter"),
        ("registry.window", "12", r"registry\.window must be a whole number from 0 to 4294967295"),
        ("registry.window", 0, r"registry\.window breaks a rule: window is 1 second to 60 days"),
        ("registry.window", 3, r"registry\.window breaks a rule: window is at least terms\.max_outage"),
        ("registry.proof_period", 3, r"registry\.proof_period .* is at least terms\.max_outage"),
        ("registry.proof_period", 13, r"registry\.proof_period breaks a rule: .* 1 second to terms\.window"),
        ("registry.max_document_age", 0, r"registry\.max_document_age breaks a rule"),
        ("registry.max_attested_for", 13, r"registry\.max_attested_for .* 2 seconds longer than window"),
        ("registry.bond", "0 ether", r"registry\.bond breaks a rule: bond is above zero"),
        ("registry.bond", 1, r"registry\.bond must be an amount with its unit"),
        ("registry.bond", "70369 ether", r"registry\.bond must be at most 70368 ether"),
        (
            "registry.challenge_deposit",
            "0 wei",
            r"registry\.challenge_deposit breaks a rule: challenge_deposit",
        ),
        ("registry.proof_gas", 0, r"registry\.proof_gas breaks a rule: proof_gas is 1 to 1000000000"),
        ("heartbeats", 5, "heartbeats must be a table"),
        ("heartbeats.surprise", 5, r"heartbeats\.surprise is not a parameter; there are heartbeats\.round"),
        ("heartbeats.round_length", "9", r"heartbeats\.round_length must be a whole number from 0 to"),
        ("heartbeats.round_length", 0, r"heartbeats\.round_length breaks a rule: .* 1 second to 1 day"),
        ("heartbeats.challenge_window", 2_141, r"heartbeats\.challenge_window breaks a rule: .* 214 rounds"),
        ("heartbeats.challenge_window", 3, r"heartbeats\.challenge_window .* at least terms\.max_outage"),
        ("heartbeats.answer_period", 3, r"heartbeats\.answer_period .* at least terms\.max_outage"),
        ("heartbeats.answer_period", 60 * 86_400 + 1, r"heartbeats\.answer_period breaks a rule"),
        ("heartbeats.slash", "0 ether", r"heartbeats\.slash breaks a rule: slash is above zero"),
        ("heartbeats.slash", "0.2 ether", r"heartbeats\.bond breaks a rule: bond is at least slash"),
        ("heartbeats.bond", 1, r"heartbeats\.bond must be an amount with its unit"),
        ("heartbeats.bond", "70369 ether", r"heartbeats\.bond must be at most 70368 ether"),
        (
            "heartbeats.challenge_deposit",
            "0 wei",
            r"heartbeats\.challenge_deposit breaks a rule: challenge_d",
        ),
        ("heartbeats.answer_gas", 0, r"heartbeats\.answer_gas breaks a rule: answer_gas is 1 to 1000000000"),
        ("heartbeats.max_age", 9, r"heartbeats\.max_age breaks a rule: max_age is 1 to 200 times"),
        ("heartbeats.max_age", 2_001, r"heartbeats\.max_age breaks a rule"),
        ("registry.proof_gas", 10**9 + 1, r"registry\.proof_gas breaks a rule"),
        ("terms.min_stake", "1 gwei", r"terms\.min_stake breaks a rule: min_stake is at least leaf_slash"),
    ],
)
def test_a_value_that_breaks_a_rule_is_named_with_it(key: str, value: Any, rule: str) -> None:
    content = shipped("development")
    table, _, name = key.rpartition(".")
    (content[table] if table else content)[name] = value
    with pytest.raises(ConfigError, match=rule):
        parse_parameters(content)


def test_every_key_is_required() -> None:
    for name in shipped("development"):
        content = shipped("development")
        del content[name]
        with pytest.raises(ConfigError, match=f"^{name} is missing"):
            parse_parameters(content)
    for table in ("terms", "registry", "heartbeats"):
        for name in shipped("development")[table]:
            content = shipped("development")
            del content[table][name]
            with pytest.raises(ConfigError, match=rf"^{table}\.{name} is missing"):
                parse_parameters(content)


def test_production_needs_a_timelock_and_windows_of_hours() -> None:
    content = shipped("production")
    content["timelock_delay"] = 0
    with pytest.raises(ConfigError, match="timelock_delay must be above 0 in production"):
        parse_parameters(content)
    content = shipped("production")
    content |= {table: shipped("development")[table] for table in ("terms", "registry", "heartbeats")}
    with pytest.raises(ConfigError, match=r"terms\.max_outage must be at least 3600 seconds in production"):
        parse_parameters(content)
    for name in ("max_outage", "answer_period", "claim_window", "window"):
        content = shipped("production")
        content["registry"]["proof_period"] = 3600
        content["terms"] |= {"max_outage": 3600, "answer_period": 3600, "claim_window": 3600, "window": 7200}
        parse_parameters(content)
        content["terms"] |= {"max_outage": 3599, name: 3599}
        with pytest.raises(ConfigError, match=r"terms\.\w+ "):
            parse_parameters(content)


def test_amounts_are_read_to_the_wei() -> None:
    assert parse_amount("0.000000000000000001 ether", "x") == 1
    assert parse_amount("1.5 gwei", "x") == 1_500_000_000
    assert parse_amount("007 wei", "x") == 7
    crooked = (
        "1.5 wei",
        "0.0000000001 gwei",
        "1",
        "1e3 wei",
        ".5 ether",
        "1. ether",
    )
    for text in (*crooked, "\N{ARABIC-INDIC DIGIT THREE} ether"):
        with pytest.raises(ConfigError, match=r"x (must be|is not) an amount|x holds a part of a wei"):
            parse_amount(text, "x")


@given(st.integers(0, 10**6 * ETHER))
def test_an_amount_shown_is_the_amount_read(wei: int) -> None:
    assert parse_amount(ether(wei), "x") == wei


# --- load_deployment ---------------------------------------------------------------------------

ADDRESS_FILE: dict[str, Any] = {
    "chainId": 31337,
    "block": 3,
    "settlement": "0x" + "11" * 20,
    "registry": CHECKSUMMED,
    "contracts": {},
    "parameters": {},
}


def test_an_address_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(ADDRESS_FILE))
    assert load_deployment(file) == Deployment(31337, b"\x11" * 20, bytes.fromhex(CHECKSUMMED[2:]), 3)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("{", "the address file is not JSON"),
        ("[]", "the address file must be a JSON object"),
        ("[" * 5_000, "the address file is not JSON"),
        ({}, "chainId is missing"),
        ({"chainId": "1"}, "chainId must be a whole number from 1"),
        ({"chainId": 0}, "chainId must be a whole number from 1"),
        ({"chainId": True}, "chainId must be a whole number from 1"),
        ({"block": -1}, "block must be a whole number from 0"),
        ({"block": None}, "block must be a whole number from 0"),
        ({"settlement": "11" * 20}, "settlement is not an address"),
        ({"settlement": "0x" + "11" * 21}, "settlement is not an address"),
        ({"registry": CHECKSUMMED.replace("Fd6", "fd6")}, "registry has a wrong checksum"),
        ({"registry": "0x" + "00" * 20}, "registry must not be the zero address"),
        ({"registry": "0x" + "11" * 20}, "settlement and registry must be two contracts"),
        ({"contracts": []}, "contracts must be an object"),
        ({"parameters": None}, "parameters must be an object"),
        ({"settlment": "0x"}, "settlment is not a field of an address file"),
    ],
)
def test_an_address_file_that_breaks_a_rule_is_named_with_it(tmp_path: Path, content: Any, rule: str) -> None:
    file = tmp_path / "a.json"
    if isinstance(content, dict) and content:
        content = json.dumps(ADDRESS_FILE | content)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ConfigError, match=rule) as caught:
        load_deployment(file)
    assert str(caught.value).startswith(f"{file}: ")


def test_an_address_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the address file cannot be read"):
        load_deployment(tmp_path / "none.json")
    with pytest.raises(ConfigError, match="the address file cannot be read"):
        load_deployment(tmp_path)
