"""Errors of the protocol: input that is not of the protocol's form."""


class ProtocolError(ValueError):
    """Base of all errors raised by :mod:`afterproof.protocol`."""


class InvalidField(ProtocolError):
    """A field breaks a rule. The message names both, ready to be shown to whoever sent it.

    ``field`` is a dotted path as the sender knows it (``receipt.issuedAt``), ``rule`` a phrase that completes
    the sentence "``field`` ...".
    """

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field} {rule}")
        self.field = field
        self.rule = rule


class InvalidData(ProtocolError):
    """Bytes that are not the packed leaves they claim to be."""
