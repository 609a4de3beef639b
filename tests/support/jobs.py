"""Jobs for runners, as workers can import them: what they do, they do to files, where a test sees it."""

import os
import signal
import time
from pathlib import Path

from afterproof.protocol.judging import TileFindings, TileJob, judge_tile


def doubled(number: int) -> int:
    """A job that goes well, but for 13."""
    if number == 13:
        raise ValueError("13 is no number")
    return 2 * number


def pid(_: int) -> int:
    """Which process a job is done in."""
    return os.getpid()


def stubborn(job: tuple[str, int]) -> int:
    """The first time it says in the file which process it is done in, and does not end; then it goes well."""
    file, number = Path(job[0]), job[1]
    if not file.exists():
        fresh = file.with_suffix(f".{os.getpid()}")
        fresh.write_text(str(os.getpid()))
        fresh.rename(file)
        time.sleep(600)
    return number


def mortal(file: str, job: TileJob) -> TileFindings | None:
    """The judge, but that the first to be asked is killed as he begins."""
    try:
        Path(file).touch(exist_ok=False)
    except FileExistsError:
        return judge_tile(job)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("it outlived that")


def deadly(_: int) -> int:
    """Takes its process with it, each time."""
    os._exit(3)
