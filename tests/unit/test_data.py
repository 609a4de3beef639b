"""Batch data: published whole or not at all, and fetched from strangers within limits.

publishing
├── it should write the file whole, on disk, in place of what was there, and name its address
├── it should read and open what it published
└── when the folder cannot be written, or nothing is there → it should raise DataUnavailable
fetching
├── when the address is no plain http or https address → it should refuse without a look at the network
├── when any of the host's addresses is private → it should refuse, unless private ones are allowed
├── it should connect to the address that it looked at, and ask for the host by name
├── when the answer is a redirect, an error, compressed, too long, or too slow → it should raise DataUnavailable
├── when the host does not exist or does not answer → it should raise DataUnavailable
└── else → it should give the bytes
"""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from afterproof.data import Data, Directory, Fetcher
from afterproof.data.fetch import is_public
from afterproof.errors import DataUnavailable
from afterproof.protocol.header import batch_id

BATCH = batch_id(3, 256)
URI = "https://data.example/batch?x=1"

Handler = Callable[[httpx.Request], httpx.Response]


def fetcher(handler: Handler, addresses: list[str] | None = None, allow_private: bool = False) -> Fetcher:
    """A fetcher that finds these addresses for any host and sends its requests to ``handler``."""
    found = ["93.184.216.34"] if addresses is None else addresses
    return Fetcher(allow_private, 5.0, lambda host, port: found, httpx.MockTransport(handler))


async def streamed(content: bytes) -> AsyncIterator[bytes]:
    """A body as it comes from a network."""
    yield content


def ok(request: httpx.Request) -> httpx.Response:
    """Some bytes."""
    return httpx.Response(200, content=streamed(b"12345678"))


def no_network(request: httpx.Request) -> httpx.Response:
    """Nothing may be asked."""
    raise AssertionError(f"a request to {request.url}")


# --- publishing -------------------------------------------------------------------------------------


def test_publish_writes_the_file_and_names_its_address(tmp_path: Path) -> None:
    directory = Directory(tmp_path / "batches", "https://relayer.example/")
    assert directory.publish(BATCH, b"first") == f"https://relayer.example/v1/batches/{BATCH}/data"
    directory.publish(BATCH, b"second")
    assert directory.read(BATCH) == b"second"
    file, size = directory.open(BATCH)
    with file:
        assert (file.read(), size) == (b"second", 6)
    assert [path.name for path in (tmp_path / "batches" / "3").iterdir()] == ["256.batch"]


def test_publish_where_nothing_can_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "batches").write_text("a file")
    with pytest.raises(DataUnavailable, match="cannot be written"):
        Directory(tmp_path / "batches", "http://a").publish(BATCH, b"")


def test_read_of_what_is_not_there_says_so(tmp_path: Path) -> None:
    directory = Directory(tmp_path, "http://a")
    for read in (directory.read, directory.open):
        with pytest.raises(DataUnavailable, match="cannot be read"):
            read(BATCH)


def test_role_without_data_says_so() -> None:
    data = Data()
    for call in (
        lambda: data.own.publish(BATCH, b""),
        lambda: data.own.read_back(BATCH, URI, 1),
        lambda: data.own.remove(BATCH, URI),
        lambda: data.own.open(BATCH),
        lambda: data.others.fetch(URI, 1),
    ):
        with pytest.raises(DataUnavailable):
            call()


# --- fetching ---------------------------------------------------------------------------------------


def test_fetch_asks_the_address_it_looked_at_for_the_host_by_name() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return ok(request)

    assert fetcher(handler).fetch(URI, 8) == b"12345678"
    assert fetcher(handler, ["2606:2800:220:1::1"]).fetch("http://data.example:81", 8) == b"12345678"
    first, second = seen
    assert str(first.url) == "https://93.184.216.34/batch?x=1"
    assert first.headers["Host"] == "data.example" and first.extensions["sni_hostname"] == "data.example"
    assert first.headers["Accept-Encoding"] == "identity" and "Cookie" not in first.headers
    assert (
        str(second.url) == "http://[2606:2800:220:1::1]:81/" and second.headers["Host"] == "data.example:81"
    )


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "ftp://data.example/a",
        "file:///etc/passwd",
        "data:,a",
        "//data.example/a",
        "http://",
        "http:///a",
        "http://user:secret@data.example/",
        "http://@data.example/",
        "http://data.example:0/",
        "http://data.example:99999/",
        "http://[::1/",
        "http://data.example/\r\nHost: other",
        "http://data.example/ü",
        "http://data.example/a b",
        "http://data.example/" + "a" * 2048,
    ],
)
def test_fetch_of_no_plain_address_is_refused_unasked(uri: str) -> None:
    with pytest.raises(DataUnavailable):
        fetcher(no_network, allow_private=True).fetch(uri, 100)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_fetch_from_a_private_address_is_refused_unless_allowed(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(DataUnavailable, match="private"):
        fetcher(no_network, ["93.184.216.34", address]).fetch(URI, 100)
    assert fetcher(ok, [address], allow_private=True).fetch(URI, 100) == b"12345678"


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (httpx.Response(302, headers={"Location": "http://127.0.0.1/"}), "answered 302"),
        (httpx.Response(404), "answered 404"),
        (httpx.Response(204), "answered 204"),
        (httpx.Response(200, content=streamed(b"123456789")), "more than the 8 bytes"),
        (httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=b""), "compressed"),
    ],
)
def test_fetch_of_a_bad_answer_says_why(response: httpx.Response, why: str) -> None:
    with pytest.raises(DataUnavailable, match=why):
        fetcher(lambda request: response).fetch(URI, 8)


def test_fetch_reads_no_more_than_it_may() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1000
            yield b"a" * 1000

    with pytest.raises(DataUnavailable, match="more than"):
        fetcher(lambda request: httpx.Response(200, content=endless())).fetch(URI, 2500)
    assert sent <= 4000


def test_fetch_that_drips_ends_in_time() -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.02)
            yield b"a"

    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=drip()))
    started = time.monotonic()
    with pytest.raises(DataUnavailable, match="longer than"):
        Fetcher(False, 0.2, lambda host, port: ["93.184.216.34"], transport).fetch(URI, 10**9)
    assert time.monotonic() - started < 2


def test_fetch_of_dripping_headers_ends_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b"A: b\r\n")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(DataUnavailable, match="longer than"):
            Fetcher(True, 0.3).fetch(f"http://localhost:{server.getsockname()[1]}/", 100)
        stop.set()
        thread.join()


def test_fetch_from_nobody_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(DataUnavailable):
        Fetcher(True, 2.0).fetch(f"http://127.0.0.1:{port}/", 100)

    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(DataUnavailable, match="not known"):
        Fetcher(False, 2.0, unknown).fetch("http://nowhere.example/", 100)
    with pytest.raises(DataUnavailable, match="no address"):
        fetcher(no_network, []).fetch(URI, 100)
