"""Many messages hashed at once (protocol/hashing.py), by plain Python and by compiled code.

messages
├── of one length, enough of them, once compiled → the compiled code should give what each hashes to
├── fewer, or of several lengths → they should be hashed by plain Python
└── in several threads at once → the same
compiling
├── when there is no numba → it should leave hashing plain and say so
└── when compiled code is wrong here → it should refuse to use it
"""

import builtins
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sha3 import keccak_256

from afterproof.protocol import hashing, hashing_compiled
from afterproof.protocol.hashing import COMPILED_FROM, compile_hashes, keccak_each, plain


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """No test leaves compiled code to others."""
    with plain():
        yield


def each(messages: list[bytes]) -> list[bytes]:
    return [keccak_256(message).digest() for message in messages]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 600), st.integers(1, 70), st.randoms(use_true_random=False))
def test_compiled_hashes_are_those_of_each(size: int, count: int, random: Any) -> None:
    messages = [random.randbytes(size) for _ in range(count)]
    assert hashing_compiled.hash_each(messages) == each(messages)


def test_messages_are_hashed_by_compiled_code_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def noted(messages: list[bytes]) -> list[bytes]:
        taken.append(len(messages))
        return each(messages)

    monkeypatch.setattr(hashing, "_compiled", noted)
    for count in (0, 1, COMPILED_FROM - 1, COMPILED_FROM, COMPILED_FROM + 1):
        messages = [count.to_bytes(2) + bytes([n]) * 200 for n in range(count)]
        assert keccak_each(messages) == each(messages)
        assert keccak_each([*messages, b"short"]) == each([*messages, b"short"])
    assert taken == [COMPILED_FROM, COMPILED_FROM + 1]


def test_compiled_hashes_in_several_threads_are_the_same() -> None:
    assert compile_hashes() and hashing._compiled is hashing_compiled.hash_each
    many = [[bytes([n, k]) * 112 for k in range(100)] for n in range(16)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(keccak_each, many)) == [each(messages) for messages in many]


def test_without_numba_hashing_stays_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def refuse(name: str, *rest: Any, **more: Any) -> Any:
        if name == "numba":
            raise ModuleNotFoundError("No module named 'numba'", name="numba")
        return imported(name, *rest, **more)

    monkeypatch.delitem(sys.modules, hashing_compiled.__name__)
    monkeypatch.setattr(builtins, "__import__", refuse)
    assert not compile_hashes() and hashing._compiled is None


def test_code_that_is_wrong_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(messages: list[bytes]) -> list[bytes]:
        return each([message[:256] for message in messages])

    monkeypatch.setattr(hashing_compiled, "hash_each", wrong)
    with pytest.raises(ValueError, match="272 bytes wrongly"):
        compile_hashes()
    assert hashing._compiled is None
