"""Which runner the settings choose."""

import os
import threading

from ..settings import Engine
from .base import Inline, Runner
from .pool import Pool


def runner(
    engine: Engine, workers: int | None, ray_address: str | None, stop: threading.Event | None = None
) -> Runner:
    """The runner of ``workers`` processes; None: as many as this process may use of the machine's processors.

    Raises:
        ConfigError: Ray is not installed, or does not answer.
    """
    workers = workers or processors()
    if engine is Engine.RAY:
        from .on_ray import OnRay  # only where it is asked for: Ray is an extra

        return OnRay(workers, ray_address, stop)
    return Pool(workers, stop) if workers > 1 else Inline(stop)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
