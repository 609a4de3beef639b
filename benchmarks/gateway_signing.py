"""What a receipt adds to an answer, and how fast the gateway answers. Prints `name value unit` lines.

    .venv/bin/python benchmarks/gateway_signing.py

`overhead`: hashing both bodies, signing, and building the header, for one image's bodies; `infer` is the same
answer's own work. Both in one thread, CPU time, the median of 400. `http_p50` and `http_p99`: one request
after the other to a gateway process on loopback, from sending to the last byte.
"""

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import httpx
import msgspec

from afterproof.gateway import models
from afterproof.gateway.client import infer
from afterproof.gateway.receipting import issue, to_header, to_wire
from afterproof.gateway.served import ServedDigits
from afterproof.gateway.server import load_signer
from afterproof.keyfiles import new_node_key
from afterproof.protocol.receipt import Domain, Scheme, keccak

DOMAIN = Domain(31337, bytes(20))
REQUESTS = 400
SERVE = """
import logging, sys
from afterproof.gateway.server import GatewaySettings, run_gateway
from afterproof.protocol.receipt import Scheme
logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
run_gateway(GatewaySettings(31337, bytes(20), bytes.fromhex(sys.stdin.read()), Scheme(sys.argv[1]), port=0))
"""


def cpu_us(work: Callable[[], object]) -> float:
    """Median microseconds of this thread's CPU time for `work`."""
    taken = []
    for _ in range(REQUESTS):
        started = time.thread_time_ns()
        work()
        taken.append(time.thread_time_ns() - started)
    return statistics.median(taken) / 1000


def http_ms(scheme: Scheme, key: bytes) -> list[float]:
    """Milliseconds of each of `REQUESTS` answers of a gateway process, ascending."""
    command = [sys.executable, "-c", SERVE, scheme.value]
    images, _ = models.heldout()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stderr is not None
        process.stdin.write(key.hex())
        process.stdin.close()
        address = re.search(r"http://[^ ,]+", process.stderr.readline())
        assert address is not None
        with httpx.Client() as http:
            rows = [i % len(images) for i in range(REQUESTS + 20)]
            answers = [infer(address[0], "digits", images[i : i + 1], DOMAIN, http=http) for i in rows]
        process.terminate()
    return sorted(answer.elapsed_ms for answer in answers[20:])


def main() -> None:
    """Measure each scheme and print."""
    served = ServedDigits(models.digits())
    image = models.heldout()[0][:1]
    tensor = {"name": "image", "shape": [1, 64], "datatype": "UINT8", "data": image.ravel().tolist()}
    request = msgspec.json.encode({"id": "0" * 32, "inputs": [tensor]})
    answer = served.infer(request)
    print(f"infer {cpu_us(lambda: served.infer(request)):.0f} us")
    for scheme in Scheme:
        key = keccak(b"benchmark") if scheme is Scheme.SECP256K1 else new_node_key(scheme).file
        signer = load_signer(scheme, key)
        overhead = cpu_us(lambda signer=signer: to_header(to_wire(issue(signer, DOMAIN, request, answer, 1))))  # type: ignore[misc]
        name, taken = scheme.value.lower(), http_ms(scheme, key)
        print(f"{name}_overhead {overhead:.0f} us")
        print(f"{name}_http_p50 {statistics.median(taken):.2f} ms")
        print(f"{name}_http_p99 {taken[len(taken) * 99 // 100]:.2f} ms")


if __name__ == "__main__":
    main()
