"""How much of a CPU taking receipts in takes. Prints `name value unit` lines.

    .venv/bin/python -m benchmarks.intake

`intake_batched_vs_rsa`: receipts of OpenGradient's scheme per CPU second of the relayer's process, accepted over HTTP
on loopback in arrays of 100 from 16 clients at once (verified, on disk, one promise an array), over bare RSA-2048-PSS
verifications by `cryptography` per CPU second of the same process, the two taken in turns: the median of the rounds.
`intake_batched_numba_vs_rsa`: the same with receipts hashed by compiled code, the extra `numba`, once compiled.
`intake_single_per_cpu_s`: receipts of SECP256K1 that come one a request, from many clients at once.
`intake_slowdown_1m`: how much more CPU the last of a million receipts take in the intake step than the first. Batching
and posting, which verify everything once more, are not in these figures.

Relayer and clients share one processor where the system lets them: what two of one core do slows both, and the bare
verifications, which are done while nobody hands anything in, would not feel it.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from afterproof.chain.memory import MemoryChain
from afterproof.protocol.receipt import ZERO, Domain, Receipt
from afterproof.protocol.signing import RsaPssSigner, Secp256k1Signer, Signer, pkcs8_signer

from .figure import Figures
from .intake_client import Clients
from .intake_process import ARRAY, EDGES

CLIENTS = 16
SINGLE_CLIENTS = 64


@dataclass(frozen=True)
class Sizes:
    """How much is measured: ``arrays`` of one round, ``singles`` after some to begin with, ``many`` in a row."""

    rounds: int
    arrays: int
    singles: int
    many: int


WHOLE = Sizes(rounds=13, arrays=32, singles=6_000, many=1_000_000)
TOY = Sizes(rounds=2, arrays=4, singles=64, many=10_000)


class Relayer:
    """The process that is measured."""

    def __init__(self, folder: Path, keys: Sequence[bytes]) -> None:
        program = [sys.executable, "-m", "benchmarks.intake_process", "serve", str(folder)]
        self._process = subprocess.Popen(
            [*program, *(key.hex() for key in keys)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = self._line()

    def ask(self, command: str) -> float:
        """The number that it answers a command with."""
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return float(self._line())

    def end(self) -> None:
        """Have it end in peace."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if self._process.wait(timeout=60) != 0:
            raise RuntimeError("the relayer did not end in peace")

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError("the relayer ended")
        return line


def figures() -> Figures:
    """Over 13 rounds, and of a million receipts."""
    return _figures(WHOLE)


def small_figures() -> Figures:
    """Over two rounds, and of ten thousand."""
    return _figures(TOY)


def _figures(sizes: Sizes) -> Figures:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    gateway, node = RsaPssSigner(key), Secp256k1Signer(b"\x07" * 32)
    _say("signing receipts with RSA")
    arrays = _arrays(key, 2 * (sizes.rounds + 1) * sizes.arrays)
    half = len(arrays) // 2
    with tempfile.TemporaryDirectory() as folder, _on_one_processor():
        relayer = Relayer(Path(folder), [gateway.public_key, node.public_key])
        try:
            yield "intake_batched_vs_rsa", _batched(relayer, arrays[:half], sizes), "ratio"
            relayer.ask("compile")
            yield "intake_batched_numba_vs_rsa", _batched(relayer, arrays[half:], sizes), "ratio"
            yield "intake_single_per_cpu_s", _single(relayer, node, sizes.singles), "receipts/s"
        finally:
            relayer.end()
    with tempfile.TemporaryDirectory() as folder:
        yield "intake_slowdown_1m", _slowdown(Path(folder), sizes.many), "ratio"


@contextlib.contextmanager
def _on_one_processor() -> Iterator[None]:
    """Have this thread, and the processes that it starts within, run on one processor: on Linux."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _arrays(key: rsa.RSAPrivateKey, count: int) -> list[bytes]:
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with ProcessPoolExecutor(2) as pool:
        return list(pool.map(_array, [der] * count, range(count), chunksize=5))


def _batched(relayer: Relayer, arrays: Sequence[bytes], sizes: Sizes) -> float:
    receipts = sizes.arrays * ARRAY
    verify = f"verify {receipts}"
    with Clients(relayer.url, CLIENTS) as clients:
        clients.hand_in(arrays[: sizes.arrays])  # to begin with, nothing is loaded yet
        bare, taking = [relayer.ask(verify)], []
        for start in range(sizes.arrays, len(arrays), sizes.arrays):
            before = relayer.ask("cpu")
            taken = clients.hand_in(arrays[start : start + sizes.arrays])
            taking.append(relayer.ask("cpu") - before)
            assert taken == receipts
            bare.append(relayer.ask(verify))
    # Each round beside the verifications just before and after it: what else the machine does slows both.
    ratios = [(a + b) / 2 / took for a, b, took in zip(bare, bare[1:], taking, strict=False)]
    micro = 1e6 / receipts
    _say(
        f"{median(taking) * micro:.1f} us a receipt in arrays, {median(bare) * micro:.1f} us a bare verification,"
        f" ratios of {min(ratios):.3f} to {max(ratios):.3f}"
    )
    return median(ratios)


def _single(relayer: Relayer, node: Secp256k1Signer, count: int) -> float:
    first = count // 12
    bodies = [msgspec.json.encode(_signed(node, number)) for number in range(first + count)]
    with Clients(relayer.url, SINGLE_CLIENTS) as clients:
        clients.hand_in(bodies[:first])
        before = relayer.ask("cpu")
        taken = clients.hand_in(bodies[first:])
        return taken / (relayer.ask("cpu") - before)


def _slowdown(folder: Path, count: int) -> float:
    _say(f"storing {count} receipts")
    program = [sys.executable, "-m", "benchmarks.intake_process", "store", str(folder), str(count)]
    ran = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=True)
    first, last = map(float, ran.stdout.split())
    micro = 1e6 / (count // EDGES)
    _say(f"{first * micro:.1f} us a receipt at first, {last * micro:.1f} us at last")
    return last / first


def _array(der: bytes, number: int) -> bytes:
    signer = pkcs8_signer(serialization.load_der_private_key(der, None))
    return msgspec.json.encode([_signed(signer, number * ARRAY + i) for i in range(ARRAY)])


def _signed(signer: Signer, number: int) -> dict[str, object]:
    body = number.to_bytes(32)
    receipt = Receipt(signer.node, ZERO, body, body[::-1], ZERO, int(time.time()))
    return signer.sign(receipt, DOMAIN).to_json()


DOMAIN: Domain = MemoryChain().domain
"""Every chain in memory is the same deployment."""


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    for name, value, unit in figures():
        print(name, f"{value:.4g}", unit, flush=True)
