"""Jobs on Ray, on as many machines as its cluster has: the optional extra ``afterproof[scale]``."""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from ..errors import ConfigError
from .base import ATTEMPTS, Failed, Job, Runner, Value, WorkersLost, attempt_all, chunked

_LOOK: Final = 0.2
_STORE: Final = 128 * 2**20
"""Bytes of shared memory that a Ray of our own may take: a few jobs for each worker are there at a time."""

_QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
"""Nothing is reported to anybody; Ray keeps to itself what it thinks of graphics cards and of its own metrics."""


class OnRay(Runner):
    """Runs jobs on the cluster at ``address``; None: on a Ray of its own on this machine, with ``workers`` processes.

    Ray does the jobs of a worker that died again, elsewhere. Workers must have this version of Afterproof installed.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster at that address.
    """

    def __init__(self, workers: int, address: str | None = None, stop: threading.Event | None = None) -> None:
        super().__init__(stop)
        self._ray = _imported()
        _begin(self._ray, workers, address)
        self._remote = self._ray.remote(max_retries=ATTEMPTS - 1, num_cpus=1)(attempt_all)
        self.workers = max(1, int(self._ray.cluster_resources().get("CPU", workers)))

    def map(
        self, work: Callable[[Job], Value], jobs: Iterable[Job], chunk: int = 1
    ) -> Iterator[tuple[Job, Value | Failed]]:
        """Implements :meth:`Runner.map`."""
        waiting: deque[tuple[list[Job], Any]] = deque()
        try:
            for some in chunked(jobs, chunk):
                self.check()
                waiting.append((some, self._remote.remote(work, some)))
                if len(waiting) > 2 * self.workers:
                    yield from self._done(*waiting.popleft())
            while waiting:
                yield from self._done(*waiting.popleft())
        finally:
            for _, reference in waiting:
                self._ray.cancel(reference, force=False)

    def close(self) -> None:
        """Implements :meth:`Runner.close`."""
        self._ray.shutdown()

    def _done(self, jobs: list[Job], reference: Any) -> Iterator[tuple[Job, Any]]:
        while not self._ray.wait([reference], timeout=_LOOK)[0]:
            self.check()
        try:
            found = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            raise WorkersLost(
                f"Ray could not have a job done, tried {ATTEMPTS} times: {str(error).strip().splitlines()[0]}"
            ) from error
        yield from zip(jobs, found, strict=True)


def _imported() -> Any:
    os.environ.update({name: value for name, value in _QUIET.items() if name not in os.environ})
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise ConfigError(
            "the engine ray needs the package ray: pip install 'afterproof[scale]', or choose the engine pool"
        ) from None
    return ray


def _begin(ray: Any, workers: int, address: str | None) -> None:
    own = {
        "num_cpus": workers,
        "include_dashboard": False,
        "object_store_memory": _STORE,
        "_node_ip_address": "127.0.0.1",
    }
    try:
        ray.init(
            address=address or "local", log_to_driver=False, configure_logging=False, logging_level=logging.ERROR,
            **({} if address else own),
        )  # fmt: skip
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = f"no Ray answers at {address!r}" if address else "Ray cannot be started here"
        raise ConfigError(f"verifier.ray_address: {where}: {str(error).strip().splitlines()[0]}") from None
