"""Certificates from files."""

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ..attestation.certificates import Certificate, read_certificate
from ..errors import ConfigError


def certificate_in(content: bytes, name: str) -> Certificate:
    """The certificate in a file's ``content``, PEM or DER; ``name`` is what it is called in messages.

    Raises:
        ConfigError: it holds none in PEM.
        InvalidCertificate: it cannot be read, or not in one way only.
    """
    if content.lstrip().startswith(b"-----BEGIN"):
        try:
            content = x509.load_pem_x509_certificate(content).public_bytes(Encoding.DER)
        except ValueError:
            raise ConfigError(f"{name}: it holds no certificate in PEM") from None
    return read_certificate(content, name)
