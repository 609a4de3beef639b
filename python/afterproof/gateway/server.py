"""A gateway as a process: settings in, a listening server until SIGINT or SIGTERM."""

import asyncio
import contextlib
import functools
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import uvicorn
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from starlette.applications import Starlette

from ..errors import ConfigError
from ..protocol.errors import InvalidField
from ..protocol.receipt import Domain, Scheme, hex0x
from ..protocol.signing import Secp256k1Signer, Signer, pkcs8_signer
from . import models
from .app import Gateway, create_app
from .forward import Forwarder, NoRelayer, Outlet
from .served import ServedDigits
from .spool import Spool

log = logging.getLogger(__name__)

DRAIN: Final = 5.0
"""Seconds that a stopping gateway spends on receipts the relayer has not yet taken."""


@dataclass(frozen=True)
class GatewaySettings:
    """Everything a gateway needs. `private_key` is a secret and stays out of `repr`.

    `private_key` holds 32 bytes for SECP256K1, an unencrypted PKCS#8 key in PEM or DER for
    the other schemes. `registry` is the 20 bytes of the AttestationRegistry's address on the chain
    `chain_id`. Without a `relayer` (an http or https address) receipts only travel with answers; with one,
    those on their way to it wait in the folder `spool`, one gateway's own. `relayer_token` is the token by which the
    relayer knows this gateway, a secret too. Port 0 is any free port.
    """

    chain_id: int
    registry: bytes
    private_key: bytes = field(repr=False)
    scheme: Scheme = Scheme.SECP256K1
    host: str = "127.0.0.1"
    port: int = 8080
    relayer: str | None = None
    spool: Path = Path("gateway-spool")
    model: str = "digits"
    relayer_token: str | None = field(default=None, repr=False)

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain of its receipts."""
        return Domain(self.chain_id, self.registry)


def load_signer(scheme: Scheme, private_key: bytes) -> Signer:
    """The signer for a private key in the form that `GatewaySettings` states.

    Raises:
        ConfigError: not such a key. The message holds nothing of the key.
    """
    if scheme is Scheme.SECP256K1:
        try:
            return Secp256k1Signer(private_key)
        except ValueError:
            raise ConfigError("the gateway's private key must be 32 bytes, a secp256k1 secret") from None
    pem = private_key.lstrip().startswith(b"-----BEGIN")
    load = serialization.load_pem_private_key if pem else serialization.load_der_private_key
    try:
        key = load(private_key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(
            "the gateway's private key must be an unencrypted PKCS#8 key in PEM or DER"
        ) from None
    try:
        signer = pkcs8_signer(key)
    except InvalidField as error:
        raise ConfigError(f"the gateway's {error}") from None
    if signer.scheme is not scheme:
        raise ConfigError(
            f"the gateway's private key must be one for {scheme}: it is one for {signer.scheme}"
        )
    return signer


def run_gateway(settings: GatewaySettings) -> None:
    """Serve until SIGINT or SIGTERM; then finish what is being answered, and hand on what waits, for seconds.

    Raises:
        ConfigError, InvalidField: a setting that cannot be.
        SpoolInUse: another gateway uses the spool folder.
        OSError: the address cannot be listened on, or the spool folder not be written.
    """
    if settings.model != "digits":
        raise ConfigError("the gateway's model must be digits")
    if settings.relayer is not None:
        _check_address(settings.relayer)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # a line for every request to the relayer otherwise
    domain, signer = settings.domain, load_signer(settings.scheme, settings.private_key)
    served = ServedDigits(models.digits())
    with _listener(settings.host, settings.port) as listener, contextlib.ExitStack() as stack:
        spool = stack.enter_context(contextlib.closing(Spool(settings.spool))) if settings.relayer else None
        gateway = functools.partial(Gateway, {served.name: served}, signer, domain)
        who = f"serves {served.name}, node {hex0x(signer.node)}, scheme {signer.scheme}"
        headers = (
            {} if settings.relayer_token is None else {"Authorization": f"Bearer {settings.relayer_token}"}
        )
        asyncio.run(_serve(gateway, listener, who, settings.relayer, spool, headers))


def _check_address(relayer: str) -> None:
    try:
        url = httpx.URL(relayer)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError("the gateway's relayer must be an http or https address")


async def _serve(
    gateway: Callable[[Outlet], Gateway],
    listener: socket.socket,
    who: str,
    relayer: str | None,
    spool: Spool | None,
    headers: Mapping[str, str],
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        outlet: Outlet = NoRelayer()
        if relayer is not None and spool is not None:
            client = await stack.enter_async_context(httpx.AsyncClient(timeout=10.0, headers=headers))
            outlet = await stack.enter_async_context(forwarding(Forwarder(relayer, spool, client)))
        host, port = listener.getsockname()[:2]
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        hello = f"gateway listens on {address}, {who}, relayer {relayer or 'none'}"
        await _Server(_config(create_app(gateway(outlet))), hello).serve(sockets=[listener])


@contextlib.asynccontextmanager
async def forwarding(forwarder: Forwarder) -> AsyncIterator[Forwarder]:
    """Run `forwarder` in the background; on leaving, drain it within `DRAIN` seconds."""
    task = asyncio.create_task(forwarder.run())
    task.add_done_callback(_report)
    try:
        yield forwarder
    finally:
        await forwarder.drain(task, DRAIN)


def _report(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("receipts are no longer forwarded; they stay in the spool", exc_info=error)


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app, log_config=None, log_level="warning", access_log=False, server_header=False, lifespan="off",
        timeout_graceful_shutdown=10,
    )  # fmt: skip


class _Server(uvicorn.Server):
    """Uvicorn, but it logs `hello` once it answers, and ends in silence on SIGINT and SIGTERM.

    Uvicorn raises a signal again once it has shut down, and the process would end as if killed.
    """

    def __init__(self, config: uvicorn.Config, hello: str) -> None:
        super().__init__(config)
        self._hello = hello

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        log.info(self._hello)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, because asyncio sets TCP_NODELAY on no other connections: an answer's body, sent
    # after its header, would wait 40 ms (Nagle's algorithm against delayed acknowledgements).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host} port {port}: {error.strerror}") from None
    return listener
