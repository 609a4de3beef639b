"""The exception tree. A docstring is what the error means to whoever reads the message.

AfterproofError
├── ConfigError          a setting is missing or breaks a rule; names the setting and the rule
├── ForeignStore         the database belongs to another chain or contract
├── StoreUnavailable     the database cannot be read or written
├── NotLeading           another process on the same store acts, or may act, in this one's place
├── LaneTaken            somebody else posts on the lane, or the store is an old copy
├── ChainError
│   ├── ChainUnavailable the node does not answer, or answers nonsense: try again later
│   │   ├── Disagreement       several nodes do not agree on the chain, or too few of them answer
│   │   └── UnknownContracts   the contracts there are not of a version that this program knows
│   ├── CallReverted     the contract refused: its error's name and arguments
│   └── SendFailed       a transaction could not be sent or did not land: funds, nonce, fee
│       ├── InsufficientFunds  the account cannot pay for it
│       └── FeeAboveCeiling    the chain asks for more than the settings allow
├── DataUnavailable      a batch's data could not be had
└── ArchiveBroken        what a verifier keeps of batches cannot be read or written

protocol.errors.ProtocolError (InvalidField, InvalidData): input that is not of the protocol's form.
"""

from typing import Any


class AfterproofError(Exception):
    """Base of Afterproof's own errors. The message is a sentence for a person."""


class ConfigError(AfterproofError):
    """A setting is missing or breaks a rule."""


class ForeignStore(AfterproofError):
    """The database belongs to another chain or contract."""


class StoreUnavailable(AfterproofError):
    """The database cannot be read or written: the disk is full, the file is damaged or locked."""


class NotLeading(AfterproofError):
    """Another process on the same store acts in this one's place, or may: nothing was written or sent."""


class LaneTaken(AfterproofError):
    """The lane's next number on chain is not this store's: somebody else posted, or the store is an old copy."""


class ChainError(AfterproofError):
    """Something about the chain."""


class ChainUnavailable(ChainError):
    """The node does not answer, or answers nonsense: try again later."""


class Disagreement(ChainUnavailable):
    """Fewer nodes agree on something about the chain than chain.quorum asks for: nothing is taken in meanwhile."""


class UnknownContracts(ChainUnavailable):
    """The contracts at the deployment's addresses are not those of this program's version: what they say and do may
    mean something else."""


class CallReverted(ChainError):
    """The contract refused: ``error`` is its custom error's name, ``arguments`` its arguments."""

    def __init__(self, error: str, arguments: tuple[Any, ...] = ()) -> None:
        shown = ", ".join(_show(argument) for argument in arguments)
        super().__init__(f"the contract refused with {error}({shown})")
        self.error = error
        self.arguments = arguments


class SendFailed(ChainError):
    """A transaction could not be sent or did not land."""


class InsufficientFunds(SendFailed):
    """The account cannot pay for a transaction: it was not sent."""


class FeeAboveCeiling(SendFailed):
    """The chain asks for a higher fee than chain.max_fee allows: the transaction was not sent."""


class DataUnavailable(AfterproofError):
    """A batch's data could not be had."""


class ArchiveBroken(AfterproofError):
    """What a verifier keeps of batches cannot be read or written: the disk is full, or the folder is not its own."""


def _show(argument: Any) -> str:
    return "0x" + argument.hex() if isinstance(argument, bytes) else str(argument)
