"""Compiling the batch tree, and the hashing of receipts, when a process starts, beside everything else: never while a
batch waits to be posted.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from .protocol.hashing import compile_hashes
from .protocol.merkle import compile_trees

log = logging.getLogger(__name__)

WORTH: Final = 16_384
"""Receipts of a batch from which on it is worth it: a smaller tree takes plain Python less than 20 ms."""


@contextmanager
def compiling(leaves: int) -> Iterator[None]:
    """Compile in a thread where batches have ``leaves`` or more, if the extra ``numba`` is there.

    Trees are built in plain Python until it is done, and for good where it fails. On leaving it is waited for: a
    process must not end while the compiler works.
    """
    if leaves < WORTH:
        yield
        return
    thread = threading.Thread(target=_compile, name="compile")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _compile() -> None:
    try:
        if compile_trees() and compile_hashes():
            log.info("batch trees are built, and receipts hashed, by compiled code")
        else:
            log.debug("batch trees are built in plain Python: numba is not installed")
    except Exception as error:  # numba fails in many ways, and none of them is worth a receipt
        log.warning("batch trees are built in plain Python: %s: %s", type(error).__name__, error)
