"""An operator at the command line whose key is in an external signer, with a list of nodes.

lane open
├── through an honest signer, the first node of the list dead: the lane is the account's
├── through a signer that changes what it signs: one sentence, and nothing reaches the chain
├── with a key beside the signer: refused
└── above the fee ceiling: one sentence with both figures
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from eth_account import Account

from tests.support.anvil import anvil
from tests.support.chains import KEYS, PARAMETERS
from tests.support.false_node import false_node
from tests.support.operator import Operators, hex_of, operators

OPEN = ("lane", "open", "--stake", "1ether")


def holding(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[str, list[Any]], Any]:
    """A signer with the relayer's key that signs what ``change`` makes of what it is asked."""

    def answer(method: str, params: list[Any]) -> Any:
        assert method == "eth_signTransaction"
        asked = {name: value for name, value in params[0].items() if name != "from"}
        signed = Account.sign_transaction(change(asked), KEYS["relayer"])
        return {"result": "0x" + bytes(signed.raw_transaction).hex()}

    return answer


@pytest.fixture(scope="module")
def act(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operators]:
    with anvil() as node:
        yield operators(node.url, tmp_path_factory.mktemp("signer"), PARAMETERS)


def settle(act: Operators, signer: str, more: str = "") -> None:
    """Settings with the signer, and a first node that is not there."""
    nodes = json.dumps(["http://127.0.0.1:1", act.url])
    deployment = json.dumps(str(act.folder / "deployment.json"))
    account = f'signer = "{signer}"\naddress = "{hex_of("relayer")}"\n'
    act.file(
        "settings.toml", f"[chain]\nrpc = {nodes}\ndeployment = {deployment}\n{more}[account]\n{account}"
    )


def test_a_lane_is_opened_through_a_signer_and_the_second_node(act: Operators) -> None:
    with false_node(holding(lambda asked: asked)) as signer:
        settle(act, signer)
        opened = act.did(None, *OPEN)
        shown = act.did(None, "lane", "show", str(opened["lane"]))
    assert hex_of("relayer") in json.dumps([opened, shown]).lower()


def test_a_signer_that_changes_the_receiver_opens_nothing(act: Operators) -> None:
    with false_node(holding(lambda asked: asked | {"to": "0x" + "66" * 20})) as signer:
        settle(act, signer)
        said = act.refused(None, *OPEN)
    assert "with another to: 0x" + "66" * 20 in said and "nothing was sent" in said


def test_a_key_beside_the_signer_is_refused(act: Operators) -> None:
    settle(act, "http://127.0.0.1:1")
    assert "account.signer and AFTERPROOF_PRIVATE_KEY exclude each other" in act.refused("relayer", *OPEN)


def test_above_the_ceiling_nothing_is_sent(act: Operators) -> None:
    with false_node(holding(lambda asked: asked)) as signer:
        settle(act, signer, 'max_fee = "3wei"\n')
        said = act.refused(None, *OPEN)
    assert "above the 0.000000003 gwei that chain.max_fee allows: nothing was sent" in said


def test_an_urgent_ceiling_without_the_other_is_refused(act: Operators) -> None:
    settle(act, "http://127.0.0.1:1", 'max_fee_urgent = "3gwei"\n')
    assert "chain.max_fee_urgent must be no less than chain.max_fee" in act.refused(None, *OPEN)
