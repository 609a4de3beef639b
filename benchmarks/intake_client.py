"""Handing prepared bodies in over HTTP, on connections that are kept: as little of a client as will do."""

import asyncio
from collections.abc import Sequence

import msgspec
import uvloop

HEAD = b"POST /v1/receipts HTTP/1.1\r\nHost: relayer\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


def hand_in(url: str, bodies: Sequence[bytes], connections: int) -> int:
    """Hand every body in, on so many connections at once; how many receipts were accepted, each with its promise.

    Answers are read once all are there: whoever is measured is not to share the processor with that.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answers = runner.run(_all(url, list(bodies), connections))
    return sum(_accepted(*answer) for answer in answers)


async def _all(url: str, bodies: list[bytes], connections: int) -> list[tuple[int, bytes]]:
    waiting = iter(bodies)
    answers: list[tuple[int, bytes]] = []

    async def client() -> None:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=2**22)
        for body in waiting:
            writer.write(HEAD % len(body) + body)
            answers.append(await _answer(reader))
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return answers


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
    return int(head.split()[1]), await reader.readexactly(length)


def _accepted(status: int, body: bytes) -> int:
    found = msgspec.json.decode(body)
    answers = found if isinstance(found, list) else [found]
    if status != 200 or not all(answer.get("promise") for answer in answers):
        raise RuntimeError(f"a receipt was not accepted: {status} {body[:300]!r}")
    return len(answers)
