"""That ape can deploy and drive what we compile, on py-evm and on anvil.

contract
  when a function is sent through ape: it should log its event
  when it refuses: it should revert with its error's values
"""

from collections.abc import Callable

import ape
from ape.api import TestAccountAPI
from ape.contracts import ContractInstance

Deploy = Callable[..., ContractInstance]


def test_send_throughApe_logsEvent(accounts: list[TestAccountAPI], deploy: Deploy) -> None:
    counter = deploy("CounterHarness", 5)
    receipt = counter.put(1, (counter, 9, []), sender=accounts[1])
    assert not receipt.failed
    receipt = counter.add(3, sender=accounts[1])
    (added,) = receipt.decode_logs(counter.Added)
    assert (added.by, added.amount) == (accounts[1], 3)


def test_send_refusedThroughApe_revertsWithValues(accounts: list[TestAccountAPI], deploy: Deploy) -> None:
    counter = deploy("CounterHarness", 5)
    with ape.reverts(counter.NotTheOwner, error_inputs={"caller": accounts[1].address}):
        counter.reset(sender=accounts[1])
