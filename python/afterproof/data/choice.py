"""Which publisher the settings choose: by the address in ``relayer.data``."""

from urllib.parse import urlsplit

from ..config import RelayerConfig
from ..errors import ConfigError
from .bucket import EXTRAS, Bucket
from .directory import Directory
from .fetch import Fetcher
from .remote import Kubo, Put

Chosen = Directory | Bucket | Kubo | Put


def publisher(settings: RelayerConfig, own_url: str) -> Chosen:
    """The publisher that ``settings`` choose; ``own_url``: where others reach this relayer.

    Raises:
        ConfigError: what it needs is not set or not installed; named in the message.
    """
    if settings.data is None:
        return Directory(settings.data_dir, own_url)
    reader = Fetcher(settings.allow_private_data, settings.data_timeout)
    kind = urlsplit(settings.data).scheme
    if kind.startswith("put+"):
        address = settings.data_url
        if address is not None and "{id}" not in address:
            raise ConfigError("relayer.data_url must have {id} where a blob's name goes, for data = put+...")
        return Put(settings.data.removeprefix("put+"), address, settings.data_timeout, reader)
    if settings.data_url is None:
        raise ConfigError(
            f"relayer.data_url is missing: where others read over http what is published to {kind}://"
        )
    if "{id}" in settings.data_url:
        raise ConfigError(f"relayer.data_url must have no {{id}} for data = {kind}://...")
    if kind in EXTRAS:
        return Bucket(settings.data, settings.data_url, settings.data_timeout, reader)
    return Kubo(settings.data.removeprefix("ipfs+"), settings.data_url, settings.data_timeout, reader)
