"""Settings: one frozen object from a TOML file and the environment.

loading
├── when there is neither file nor environment → it should be the defaults
├── when a setting stands in the file → it should take it, a path from the file's folder on
├── when it stands in the environment too → it should take that
├── when a setting or section is unknown, of a wrong type, or breaks its rule
│   └── it should raise ConfigError naming it and the rule
├── when a secret stands in the file → it should refuse it
└── when the file is missing or no TOML → it should raise ConfigError naming it
secrets
└── it should keep them out of repr and public()
documentation
├── it should explain every setting, and the template should set none
└── the template, every '#' before a setting taken away, should be a file that loads
"""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from afterproof import config
from afterproof.config import SECTIONS, Config, load, template
from afterproof.errors import ConfigError
from afterproof.protocol.receipt import Scheme
from afterproof.settings import PostgresUrl

KEY = "0x" + "ab" * 32


def written(folder: Path, text: str) -> Path:
    """A settings file with this text."""
    path = folder / "afterproof.toml"
    path.write_text(text)
    return path


def test_load_without_anything_gives_the_defaults() -> None:
    assert load(None, {}) == Config()
    assert load(None, {"HOME": "/nowhere", "AFTERPROOF_TEST_POSTGRES": "x"}) == Config()


def test_load_takes_the_file_with_paths_from_its_folder(tmp_path: Path) -> None:
    text = '[relayer]\nlane = 7\nmax_age = 2\nstore = "here.db"\n[gateway]\nscheme = "OPENGRADIENT_RSA_PSS"\n'
    found = load(written(tmp_path, text), {})
    assert found.relayer.lane == 7
    assert found.relayer.max_age == 2.0
    assert found.relayer.store == tmp_path / "here.db"
    assert found.verifier.store == tmp_path / "verifier.sqlite3"
    assert found.gateway.scheme is Scheme.OPENGRADIENT_RSA_PSS


def test_load_lets_the_environment_win(tmp_path: Path) -> None:
    env = {
        "AFTERPROOF_RELAYER_LANE": "8",
        "AFTERPROOF_ALERTS_WEBHOOK": "https://alerts.example/hook/swordfish",
        "AFTERPROOF_RELAYER_STORE": "there.db",
        "AFTERPROOF_VERIFIER_ALLOW_PRIVATE_DATA": "true",
        "AFTERPROOF_VERIFIER_POLL": "0.5",
        "AFTERPROOF_PRIVATE_KEY": KEY,
        "AFTERPROOF_GATEWAY_KEY": KEY,
        "AFTERPROOF_GATEWAY_SCHEME": "SECP256K1",
    }
    found = load(written(tmp_path, "[relayer]\nlane = 7\n"), env)
    assert found.relayer.lane == 8
    assert found.relayer.store == Path("there.db")
    assert found.verifier.allow_private_data is True
    assert found.verifier.poll == 0.5
    assert found.account.private_key == KEY
    assert found.gateway.key == KEY


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[lane]\n", "[lane] is not a section"),
        ("relayer = 1\n", "relayer must be a section"),
        ("[relayer]\nlanes = 1\n", "relayer.lanes is not a setting"),
        ('[relayer]\nlane = "1"\n', "relayer.lane must be a whole number"),
        ("[relayer]\nlane = true\n", "relayer.lane must be a whole number"),
        ("[relayer]\nlane = 1.0\n", "relayer.lane must be a whole number"),
        ("[relayer]\nlane = 0\n", "relayer.lane must be from 1 to"),
        ("[relayer]\nport = 65536\n", "relayer.port must be from 0 to 65535"),
        ("[relayer]\nmax_age = nan\n", "relayer.max_age must be a number"),
        ("[relayer]\nmax_age = inf\n", "relayer.max_age must be from 0 to"),
        ('[relayer]\nstore = ""\n', "relayer.store must not be empty"),
        ("[relayer]\nstore = 1\n", "relayer.store must be a path"),
        ('[relayer]\npublic_url = "ftp://a"\n', "relayer.public_url must be an http or https address"),
        ('[chain]\nrpc = "http://:1"\n', "chain.rpc must be an http or https address"),
        ('[chain]\nrpc = "http://a:99999"\n', "chain.rpc must be an http or https address"),
        ("[chain]\nrpc = []\n", "chain.rpc must be an http or https address, or a list of them"),
        (
            '[chain]\nrpc = ["http://a", "http://a"]\n',
            "chain.rpc must be an http or https address, or a list",
        ),
        ('[chain]\nrpc = ["http://a", "b"]\n', "chain.rpc must be an http or https address, or a list"),
        ('[chain]\nrpc = ["http://a", 1]\n', "chain.rpc must be a text, or a list of texts"),
        ("[chain]\nrpc = 1\n", "chain.rpc must be a text, or a list of texts"),
        ('[chain]\nmax_fee = "0gwei"\n', "chain.max_fee must be an amount above zero"),
        ('[account]\naddress = "0x12"\n', "account.address must be an address"),
        ('[account]\nsigner = "clef.ipc"\n', "account.signer must be an http or https address"),
        ("[verifier]\nallow_private_data = 1\n", "verifier.allow_private_data must be true or false"),
        ('[gateway]\nscheme = "ED25519"\n', "gateway.scheme must be one of SECP256K1"),
        ("[gateway]\nscheme = []\n", "gateway.scheme must be one of SECP256K1"),
        (f'[account]\nprivate_key = "{KEY}"\n', "account.private_key must come from the environment"),
        (f'[gateway]\nkey = "{KEY}"\n', "gateway.key must come from the environment"),
        ("[relayer\n", "is not TOML"),
        ("\udcff", "is not TOML"),
    ],
)
def test_load_of_a_bad_file_names_the_setting_and_the_rule(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "afterproof.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        load(path, {})


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"AFTERPROOF_RELAYER_LANES": "1"}, "AFTERPROOF_RELAYER_LANES is not a setting"),
        ({"AFTERPROOF_RELAYER_LANE": "one"}, "AFTERPROOF_RELAYER_LANE must be a whole number"),
        ({"AFTERPROOF_RELAYER_LANE": ""}, "AFTERPROOF_RELAYER_LANE must be a whole number"),
        ({"AFTERPROOF_RELAYER_PORT": "-1"}, "relayer.port must be from 0"),
        ({"AFTERPROOF_VERIFIER_ALLOW_PRIVATE_DATA": "yes"}, "must be true or false"),
        (
            {"AFTERPROOF_RELAYER_STORE": "mysql://db/x"},
            "AFTERPROOF_RELAYER_STORE must be a path, or an address that starts with postgresql://",
        ),
        ({"AFTERPROOF_PRIVATE_KEY": KEY[:-1]}, "account.private_key must be 32 bytes of 0x-hex"),
        ({"AFTERPROOF_ACCOUNT_PRIVATE_KEY": KEY}, "AFTERPROOF_ACCOUNT_PRIVATE_KEY is not a setting"),
    ],
)
def test_load_of_a_bad_environment_names_the_setting_and_the_rule(env: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)) as caught:
        load(None, env)
    assert KEY[:-1] not in str(caught.value)


def test_load_of_a_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "nowhere.toml", {})


def test_several_nodes_stand_in_a_list_or_between_commas(tmp_path: Path) -> None:
    both = ("https://a.example/key", "http://b.example:8545")
    assert load(written(tmp_path, f'[chain]\nrpc = ["{both[0]}", "{both[1]}"]\n'), {}).chain.rpc == both
    assert load(written(tmp_path, f'[chain]\nrpc = "{both[1]}"\n'), {}).chain.rpc == both[1:]
    assert load(None, {"AFTERPROOF_CHAIN_RPC": f"{both[0]}, {both[1]}"}).chain.rpc == both
    with pytest.raises(ConfigError, match=r"chain\.rpc must be an http or https address"):
        load(None, {"AFTERPROOF_CHAIN_RPC": f"{both[0]},"})


def test_secrets_are_never_shown() -> None:
    env = {
        "AFTERPROOF_PRIVATE_KEY": KEY,
        "AFTERPROOF_GATEWAY_KEY": "swordfish",
        "AFTERPROOF_CHAIN_RPC": "https://node.example/v2/swordfish,https://other.example/?key=swordfish",
        "AFTERPROOF_ACCOUNT_SIGNER": "http://me:swordfish@signer.example",
        "AFTERPROOF_ALERTS_WEBHOOK": "https://alerts.example/hook/swordfish",
        "AFTERPROOF_RELAYER_STORE": "postgresql://me:swordfish@db.example/receipts?password=swordfish",
    }
    found = load(None, env)
    shown = f"{found} {found!r} {found.public()}"
    assert KEY not in shown
    assert "swordfish" not in shown
    assert str(found.relayer.store) == "postgresql://db.example/receipts"
    secret = {
        (name, one.name) for name, kind in SECTIONS.items() for one in fields(kind) if one.metadata["secret"]
    }
    assert secret == {
        ("chain", "rpc"),
        ("account", "private_key"),
        ("account", "signer"),
        ("relayer", "data"),
        ("relayer", "promise_key"),
        ("gateway", "key"),
        ("alerts", "webhook"),
    }


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:swordfish@db.example:5432/x?sslmode=require", "postgresql://db.example:5432/x"),
        ("postgres://me@a:1,b:2/x?password=sword@fish", "postgresql://a:1,b:2/x"),
        ("postgresql://me:sword?fish@db.example/x", "postgresql://..."),
        ("postgresql://db.example/x?password=sword@fish", "postgresql://..."),
        ("postgresql://me:sword/fish@[::1/x", "postgresql://[::1/x"),
        ("postgresql:///x", "postgresql:///x"),
    ],
)
def test_address_of_a_database_shows_no_password(url: str, shown: str) -> None:
    assert str(PostgresUrl(url)) == shown
    assert "sword" not in repr(PostgresUrl(url))


def test_every_setting_is_documented() -> None:
    for name, kind in SECTIONS.items():
        assert kind.__doc__ and kind.__doc__.endswith(".")
        for one in fields(kind):
            doc = one.metadata["doc"]
            assert doc.endswith(".") and len(doc) > 15, f"{name}.{one.name} is not documented"
            assert doc in template()
            if one.default is None and one.metadata["env"] is None:
                assert one.metadata["example"] is not None, f"{name}.{one.name} has no example"


def test_template_sets_nothing_and_its_lines_take_effect(tmp_path: Path) -> None:
    assert load(written(tmp_path, template()), {}) == load(written(tmp_path, ""), {})
    assert set(tomllib.loads(template())) == set(SECTIONS)
    uncommented = re.sub(r"(?m)^#(\w+ = )", r"\1", template())
    found = tomllib.loads(uncommented)
    for name, kind in SECTIONS.items():
        assert set(found[name]) == {one.name for one in fields(kind) if one.metadata["env"] is None}
    loaded = load(written(tmp_path, uncommented), {})
    assert loaded.relayer.max_batch == config.RelayerConfig().max_batch
    assert loaded.relayer.lane == 1
