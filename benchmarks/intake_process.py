"""The processes that `benchmarks.intake` measures; each answers commands on standard input, a line each.

python -m benchmarks.intake_process serve FOLDER KEY...    a relayer behind HTTP; KEY in hex
    cpu          the process's CPU seconds so far, user and system
    verify N     CPU seconds of N bare RSA-PSS verifications by `cryptography`
    compile      has receipts hashed by compiled code from now on; 1
python -m benchmarks.intake_process store FOLDER N
        N receipts through the intake step: the CPU seconds of the first twentieth and of the last
"""

import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from afterproof.collecting import collecting_rarely
from afterproof.protocol.hashing import compile_hashes
from afterproof.protocol.header import batch_id
from afterproof.protocol.pace import Pace
from afterproof.protocol.receipt import ZERO, Receipt, SignedReceipt
from afterproof.protocol.signing import Secp256k1Signer
from afterproof.steps import Context
from afterproof.steps.intake import Accepted, Request, intake_together
from afterproof.steps.watch import watch
from afterproof.store.batches import ClosedBatch
from afterproof.web.intake_queue import IntakeQueue
from afterproof.web.relayer import create_app
from afterproof.web.server import Listener, serve

from .intake_stage import open_relayer

ARRAY = 100
TOGETHER = 5
"""Arrays that are one commit, as they are where several clients hand in."""

EDGES = 20
"""The first and the last of so many parts are compared."""

_PSS, _SHA256 = padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()


def serve_relayer(folder: Path, keys: Sequence[bytes]) -> None:
    """Serve until standard input ends."""
    context = open_relayer(folder, keys)
    stop = threading.Event()
    with Listener("127.0.0.1", 0) as listener:
        print(listener.url, flush=True)
        commands = threading.Thread(target=_obey, args=(context, stop))
        commands.start()
        with IntakeQueue(context) as queue, collecting_rarely():
            serve(create_app(context, queue), listener, stop)
        commands.join()


def _obey(context: Context, stop: threading.Event) -> None:
    bare = _Bare()
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "cpu":
            print(time.process_time(), flush=True)
        elif word == "verify":
            watch(context)  # a relayer that has not followed the chain for three minutes takes nothing
            print(bare.seconds(int(rest[0])), flush=True)
        elif word == "compile":
            if not compile_hashes():
                raise RuntimeError("hashing cannot be compiled here: is the extra afterproof[numba] there?")
            print(1, flush=True)
    stop.set()


class _Bare:
    """RSA-2048-PSS verifications with nothing around them."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        messages = [number.to_bytes(32) for number in range(64)]
        self._signed = [(key.sign(message, _PSS, _SHA256), message) for message in messages]
        self._key = key.public_key()

    def seconds(self, number: int) -> float:
        """The CPU seconds that so many take this thread."""
        start = time.thread_time()
        for i in range(number):
            signature, message = self._signed[i & 63]
            self._key.verify(signature, message, _PSS, _SHA256)
        return time.thread_time() - start


def store_receipts(folder: Path, count: int) -> None:
    """Print the CPU seconds of the intake of the first and of the last part of ``count`` receipts."""
    signers = [Secp256k1Signer(bytes([number]) * 32) for number in range(1, 5)]
    context = open_relayer(folder, [signer.public_key for signer in signers])
    took = []
    size, edge = ARRAY * TOGETHER, count // EDGES
    for first in range(0, count, size):
        requests = [
            Request.of([_receipt(context, signers, number) for number in range(start, start + ARRAY)])
            for start in range(first, first + size, ARRAY)
        ]
        # Nothing is posted here: as if all were, and at once. No promise could be kept otherwise.
        context.pace_watch.keep(context.clock(), Pace(context.config.relayer.promise_margin))
        start = time.process_time()
        answers = intake_together(context, requests)
        took.append(time.process_time() - start)
        wrong = [one for each in answers for one in each if not isinstance(one, Accepted) or one.repeated]
        assert not wrong, wrong[0]
        _close(context, first, size)
        if first % edge == 0:
            watch(context)
            print(f"{first} receipts stored", file=sys.stderr)
    commits = edge // size
    print(sum(took[:commits]), sum(took[-commits:]), flush=True)


def _receipt(context: Context, signers: Sequence[Secp256k1Signer], number: int) -> SignedReceipt:
    signer = signers[number % len(signers)]
    body = number.to_bytes(32)
    return signer.sign(Receipt(signer.node, ZERO, body, body, ZERO, context.now), context.domain)


def _close(context: Context, first: int, size: int) -> None:
    """What closing a batch writes into the store, without building and publishing it."""
    batch = ClosedBatch(
        batch_id(context.lane, first), size, bytes(32), (bytes(32),), "", "it is time", context.now
    )
    with context.store.transaction():
        context.store.receipts.leaves.add(context.lane, first, size)
        context.store.batches.add_closed(batch)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve_relayer(Path(sys.argv[2]), [bytes.fromhex(key) for key in sys.argv[3:]])
    else:
        store_receipts(Path(sys.argv[2]), int(sys.argv[3]))
