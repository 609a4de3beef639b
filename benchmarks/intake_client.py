"""Handing prepared bodies in over HTTP, on connections that are kept: as little of a client as will do."""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from typing import Self, TypeVar

import msgspec
import uvloop

T = TypeVar("T")

HEAD = b"POST /v1/receipts HTTP/1.1\r\nHost: relayer\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Clients:
    """So many clients of the relayer at ``url``, each on a connection of its own until they leave."""

    def __init__(self, url: str, number: int) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        connecting = [asyncio.open_connection(host, int(port), limit=2**22) for _ in range(number)]
        self._connections = self._runner.run(_all(connecting))

    def hand_in(self, bodies: Sequence[bytes]) -> int:
        """Hand every body in; how many receipts were accepted, each with its promise.

        Answers are read once all are there: whoever is measured is not to share the processor with that.
        """
        waiting = iter(bodies)
        answers = self._runner.run(_all([_taken(*one, waiting) for one in self._connections]))
        return sum(_accepted(*answer) for found in answers for answer in found)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for _, writer in self._connections:
            writer.close()
        self._runner.close()


Answer = tuple[int, bytes]


async def _all(each: Sequence[Coroutine[None, None, T]]) -> list[T]:
    return await asyncio.gather(*each)


async def _taken(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bodies: Iterator[bytes]
) -> list[Answer]:
    """The answers to what one client handed in: one body after the other, while there are any."""
    answers = []
    for body in bodies:
        writer.write(HEAD % len(body) + body)
        answers.append(await _answer(reader))
    return answers


async def _answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
    return int(head.split()[1]), await reader.readexactly(length)


def _accepted(status: int, body: bytes) -> int:
    found = msgspec.json.decode(body)
    answers = found if isinstance(found, list) else [found]
    if status != 200 or not all(answer.get("promise") for answer in answers):
        raise RuntimeError(f"a receipt was not accepted: {status} {body[:300]!r}")
    return len(answers)
