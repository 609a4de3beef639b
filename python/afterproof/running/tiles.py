"""Judging the tiles of a posted batch on a runner."""

from collections.abc import Callable, Iterator
from typing import Final

from ..errors import AfterproofError
from ..protocol.attestations import NodeRecord
from ..protocol.columns import Columns
from ..protocol.header import name_of
from ..protocol.judging import Posting, TileFindings, TileJob
from ..protocol.receipt import Domain
from .base import Failed, Runner
from .work import judge_tile

_MOST_NODES: Final = 4096
"""Nodes whose records are kept while a batch is judged."""

_MOST_SENT: Final = 8
"""Tiles that a worker is sent at a time, at most: a tile is some milliseconds of work, and at most 115 kB."""


class NotJudged(AfterproofError):
    """The judge stumbled over a leaf, by no fault of the batch's: nothing can be said of it. ``trace`` tells where."""

    def __init__(self, what: str, failed: Failed) -> None:
        super().__init__(f"{what} cannot be judged: {failed.why}")
        self.trace = failed.trace


class TileJudge:
    """Judges tiles of a batch; ``end_of`` tells when a tile ends, ``node_of`` what is known of a node."""

    def __init__(
        self,
        runner: Runner,
        posting: Posting,
        end_of: Callable[[int], int],
        node_of: Callable[[bytes], NodeRecord | None],
        domain: Domain,
    ) -> None:
        tiles = posting.header.tiles
        # What one worker does alone is done as soon in this process.
        self._runner = runner if tiles > 1 else runner.here()
        self._chunk = max(1, min(_MOST_SENT, tiles // (4 * runner.workers)))
        self._posting, self._end_of, self._node_of, self._domain = posting, end_of, node_of, domain
        self._nodes: dict[bytes, NodeRecord | None] = {}

    def sound(self, tiles: Iterator[tuple[int, Columns]]) -> Iterator[TileFindings]:
        """What is found of those of ``tiles`` that are as they were posted, in their order.

        Raises:
            NotJudged: the judge stumbled.
            RunStopped, WorkersLost: the runner.
        """
        jobs = (self._job(tile, columns) for tile, columns in tiles)
        for job, found in self._runner.map(judge_tile, jobs, self._chunk):
            if isinstance(found, Failed):
                raise NotJudged(f"tile {job.tile} of batch {name_of(self._posting.id)}", found)
            if found is not None:
                yield found

    def _job(self, tile: int, columns: Columns) -> TileJob:
        posting = self._posting
        nodes = {name: self._node(name) for name in columns.nodes}
        return TileJob(
            tile, columns, posting.tile_roots[tile], posting.header, self._end_of(tile), posting.terms, nodes,
            self._domain,
        )  # fmt: skip

    def _node(self, name: bytes) -> NodeRecord | None:
        if name not in self._nodes:
            if len(self._nodes) >= _MOST_NODES:
                self._nodes.clear()
            self._nodes[name] = self._node_of(name)
        return self._nodes[name]
