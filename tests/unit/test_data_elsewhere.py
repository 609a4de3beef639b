"""Batch data published elsewhere: each against a real server on this machine.

a bucket (S3)
├── it should put an object, and name the address at which it is read; other data should have another name
├── it should read back what a reader gets, and remove what it put
└── when the bucket is not there or the server does not answer → it should raise DataUnavailable
an IPFS node
├── it should add and pin, name the gateway's address, and unpin on removal
└── when the answer has no CID, is an error or no JSON → it should raise DataUnavailable
a service that takes a PUT
├── it should take the name (Walrus, new and known blobs) or the address from wherever it stands in the answer
└── when neither is there, or a name has more in it than a name → it should raise DataUnavailable
the settings
├── it should choose by the address, and name what is missing or wrong
└── when the extra is not installed → it should say how to install it
a relayer that publishes elsewhere
└── it should post a batch once it reads back, and a verifier should find it
"""

import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from afterproof.config import RelayerConfig, load
from afterproof.data import Data, Directory, Fetcher
from afterproof.data.bucket import Bucket
from afterproof.data.choice import publisher
from afterproof.data.remote import Kubo, Put
from afterproof.errors import ConfigError, DataUnavailable
from afterproof.protocol.header import batch_id
from tests.support.world import World

BATCH = batch_id(3, 256)
READER = Fetcher(allow_private=True, timeout=5.0)


@dataclass
class Blobs:
    """A server that keeps blobs: Kubo's RPC and gateway, and Walrus's publisher and aggregator, as they answer."""

    url: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    pinned: set[str] = field(default_factory=set)
    said: Any = None
    """Instead of its own answer, where set: a status, or a JSON value."""

    def put(self, content: bytes) -> Any:
        name = hashlib.sha256(content).hexdigest()
        known = name in self.blobs
        self.blobs[name] = content
        if known:
            return {"alreadyCertified": {"blobId": name, "event": {"txDigest": "x"}, "endEpoch": 9}}
        return {
            "newlyCreated": {
                "blobObject": {"id": "0xobject", "blobId": name, "size": len(content)},
                "cost": 1,
            }
        }

    def add(self, body: bytes) -> Any:
        """The one file of a multipart form."""
        boundary = body.split(b"\r\n", 1)[0]
        content = body.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n" + boundary, 1)[0]
        cid = "bafk" + hashlib.sha256(content).hexdigest()
        self.blobs[cid] = content
        self.pinned.add(cid)
        return {"Name": "a", "Hash": cid, "Size": str(len(content))}


class _Handler(BaseHTTPRequestHandler):
    kept: Blobs

    def do_GET(self) -> None:
        content = self.kept.blobs.get(self.path.rsplit("/", 1)[1])
        self._send(200 if content is not None else 404, content or b"")

    def do_PUT(self) -> None:
        self._answer(self.kept.put(self.rfile.read(int(self.headers["Content-Length"]))))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/api/v0/add?"):
            assert "pin=true" in self.path and "cid-version=1" in self.path
            self._answer(self.kept.add(body))
        elif self.path.startswith("/api/v0/pin/rm?arg="):
            self.kept.pinned.remove(self.path.split("=")[1])
            self._answer({"Pins": []})
        else:
            self._send(404, b"")

    def _answer(self, value: Any) -> None:
        said = self.kept.said
        if isinstance(said, int):
            self._send(said, b"{}")
        elif isinstance(said, bytes):
            self._send(200, said)
        else:
            self._send(200, json.dumps(value if said is None else said).encode())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Tests are quiet."""


@pytest.fixture
def blobs() -> Iterator[Blobs]:
    kept = Blobs()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"kept": kept}))
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """An S3 server with the bucket ``batches``, which everybody may read; its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        }.items():  # fmt: skip
            patch.setenv(name, value)
        client = boto3.client("s3", endpoint_url=url)
        client.create_bucket(Bucket="batches", ACL="public-read")
        yield url
    server.stop()


# --- each kind --------------------------------------------------------------------------------------


def test_bucket_keeps_and_shows_and_removes(s3: str) -> None:
    bucket = Bucket("s3://batches/lanes/", f"{s3}/batches/lanes/", 5.0, READER)
    uri, other = bucket.publish(BATCH, b"first"), bucket.publish(BATCH, b"second")
    assert uri == f"{s3}/batches/lanes/3-256-{hashlib.sha256(b'first').hexdigest()[:16]}.batch" != other
    assert bucket.publish(BATCH, b"first") == uri
    for each, content in ((uri, b"first"), (other, b"second")):
        # Without the operator's credentials, as a stranger reads it.
        assert bucket.read_back(BATCH, each, 6) == content
    with pytest.raises(DataUnavailable, match="more than the 4 bytes"):
        bucket.read_back(BATCH, uri, 4)
    assert bucket.remove(BATCH, uri) and not bucket.remove(BATCH, "https://other.example/a")
    with pytest.raises(DataUnavailable, match="answered 40"):
        bucket.read_back(BATCH, uri, 6)
    with pytest.raises(DataUnavailable, match="elsewhere"):
        bucket.open(BATCH)


def test_bucket_that_is_not_there_says_so(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataUnavailable, match=r"s3://none/3-256.*cannot be written"):
        Bucket("s3://none", s3, 5.0, READER).publish(BATCH, b"first")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(DataUnavailable, match="cannot be written"):
        Bucket("s3://batches", s3, 1.0, READER).publish(BATCH, b"first")


def test_ipfs_adds_and_shows_and_unpins(blobs: Blobs) -> None:
    kubo = Kubo(blobs.url + "/", blobs.url, 5.0, READER)
    content = bytes(range(256)) * 10
    uri = kubo.publish(BATCH, content)
    cid = uri.removeprefix(f"{blobs.url}/ipfs/")
    assert blobs.pinned == {cid} and kubo.read_back(BATCH, uri, 10**6) == content
    assert kubo.remove(BATCH, uri) and blobs.pinned == set()
    assert not kubo.remove(BATCH, "http://other.example/ipfs/" + cid)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (500, "answered 500 to POST"),
        ({"Name": "a"}, "without a CID"),
        ({"Hash": "../a?b"}, "without a CID"),
        ([], "without a JSON object"),
        (b"<html>", "without a JSON object"),
    ],
)
def test_ipfs_that_answers_otherwise_is_told(blobs: Blobs, said: Any, why: str) -> None:
    blobs.said = said
    with pytest.raises(DataUnavailable, match=why):
        Kubo(blobs.url, blobs.url, 5.0, READER).publish(BATCH, b"first")


def test_put_takes_the_name_of_new_and_of_known_blobs(blobs: Blobs) -> None:
    put = Put(f"{blobs.url}/v1/blobs?epochs=5&token=swordfish", blobs.url + "/v1/blobs/{id}", 5.0, READER)
    uri = put.publish(BATCH, b"first")
    assert (
        uri == f"{blobs.url}/v1/blobs/{hashlib.sha256(b'first').hexdigest()}" == put.publish(BATCH, b"first")
    )
    assert put.read_back(BATCH, uri, 5) == b"first" and not put.remove(BATCH, uri)
    for said in ({}, {"blobId": 7}, {"blobId": "a/../b"}, {"blobId": "a" * 300}):
        blobs.said = said
        with pytest.raises(DataUnavailable, match="without a name") as caught:
            put.publish(BATCH, b"first")
        assert "swordfish" not in str(caught.value)


def test_put_takes_the_address(blobs: Blobs) -> None:
    put = Put(blobs.url + "/", None, 5.0, READER)
    blobs.said = {"data": {"url": "https://inner.example/1"}, "url": "https://outer.example/1"}
    assert put.publish(BATCH, b"first") == "https://outer.example/1"
    for said in ({"id": "a"}, {"url": "file:///etc/passwd"}, {"url": "http://a/" + "a" * 2048}):
        blobs.said = said
        with pytest.raises(DataUnavailable, match="without an http address"):
            put.publish(BATCH, b"first")
    blobs.said = 413
    with pytest.raises(DataUnavailable, match="answered 413 to PUT"):
        put.publish(BATCH, b"first")


def test_nobody_there_is_told_without_secrets() -> None:
    for one in (
        Kubo("http://user:swordfish@127.0.0.1:9", "http://a", 1.0, READER),
        Put("http://127.0.0.1:9/swordfish?token=swordfish", None, 1.0, READER),
    ):
        with pytest.raises(DataUnavailable, match=r"http://127\.0\.0\.1:9") as caught:
            one.publish(BATCH, b"first")
        assert "swordfish" not in str(caught.value)


# --- the settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "data_url", "kind"),
    [
        (None, None, Directory),
        ("s3://bucket", "https://a", Bucket),
        ("ipfs+http://127.0.0.1:5001", "https://ipfs.example", Kubo),
        ("put+https://publisher.example/v1/blobs", None, Put),
        ("put+http://publisher.example/", "https://a/{id}", Put),
    ],
)
def test_settings_choose_by_the_address(data: str | None, data_url: str | None, kind: type[Any]) -> None:
    assert type(publisher(RelayerConfig(data=data, data_url=data_url), "http://own")) is kind


@pytest.mark.parametrize(
    ("data", "data_url", "why"),
    [
        (
            "s3://bucket",
            None,
            "relayer.data_url is missing: where others read over http what is published to s3://",
        ),
        ("ipfs+http://a", None, "relayer.data_url is missing"),
        ("ipfs+http://a", "http://a/{id}", r"no \{id\}"),
        ("put+http://a", "http://a/", r"relayer.data_url must have \{id\}"),
    ],
)
def test_settings_that_do_not_go_together_are_named(data: str, data_url: str | None, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        publisher(RelayerConfig(data=data, data_url=data_url), "http://own")


@pytest.mark.parametrize(
    "data", ["", "bucket", "s3://", "s3:///a", "s3://a?b", "ftp://a", "put+ftp://a", "ipfs://a", "gs://a"]
)
def test_addresses_of_no_known_kind_are_refused(data: str) -> None:
    with pytest.raises(ConfigError, match=r"relayer\.data must be s3://bucket/prefix, or start with ipfs"):
        load(None, {"AFTERPROOF_RELAYER_DATA": data})


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ConfigError, match=r"needs the package s3fs: pip install 'afterproof\[s3\]'"):
        publisher(RelayerConfig(data="s3://bucket", data_url="https://a"), "http://own")


# --- the line ---------------------------------------------------------------------------------------


def test_relayer_posts_what_reads_back_elsewhere(tmp_path: Path, s3: str, blobs: Blobs) -> None:
    for name, one in {
        "bucket": Bucket("s3://batches/line", f"{s3}/batches/line", 5.0, READER),
        "ipfs": Kubo(blobs.url, blobs.url, 5.0, READER),
        "put": Put(blobs.url + "/v1/blobs", blobs.url + "/v1/blobs/{id}", 5.0, READER),
    }.items():
        world = World(tmp_path / name)
        relayer, verifier = world.relayer(), world.verifier()
        relayer, verifier = (
            replace(relayer, data=Data(own=one)),
            replace(verifier, data=replace(verifier.data, others=READER)),
        )
        world.round(relayer, verifier)
        world.take_in(relayer, *[world.signed(n) for n in range(4)])
        world.rounds(2, relayer, verifier)
        posted = relayer.store.batches.posted(batch_id(1, 0))
        assert posted is not None and httpx.get(posted.data_uri, trust_env=False).status_code == 200
        check = verifier.store.verdicts.check(batch_id(1, 0))
        assert check is not None and (check.state, check.accepted) == ("checked", 4)
