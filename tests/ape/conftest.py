"""Contracts for tests that run through ape, from the same compilation as all other tests."""

from collections.abc import Callable
from typing import Any

import pytest
from ape.api import TestAccountAPI
from ape.contracts import ContractContainer, ContractInstance
from eth_utils import to_canonical_address
from ethpm_types import ContractType

from tests.support.compiled import artifact, linked

Deploy = Callable[..., ContractInstance]


@pytest.fixture
def deploy(accounts: list[TestAccountAPI]) -> Deploy:
    """`deploy("Settlement", *arguments, value=0)`, by the first account, with the libraries that it calls."""

    def by_name(name: str, *arguments: Any, **options: Any) -> ContractInstance:
        compiled = artifact(name)
        code = linked(compiled, lambda library: to_canonical_address(by_name(library).address))
        kind = {"contractName": name, "abi": compiled["abi"], "deploymentBytecode": {"bytecode": code.hex()}}
        return accounts[0].deploy(ContractContainer(ContractType.model_validate(kind)), *arguments, **options)

    return by_name
