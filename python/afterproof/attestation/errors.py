"""Errors of attestation: bytes that are no evidence at all. Evidence that does not hold is a finding, not an error."""

from ..protocol.errors import InvalidField


class InvalidDocument(InvalidField):
    """A field of a document breaks a rule of its form; the message names both."""


class InvalidCertificate(InvalidField):
    """A certificate cannot be read; the message names it and the rule that it breaks."""
