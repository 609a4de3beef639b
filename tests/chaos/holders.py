"""Those who hold promises, and hand each to a verifier: again and again until it is taken."""

import threading
from collections.abc import Mapping
from typing import Any, Self

from tests.chaos.stage import Verifier


class Holders(threading.Thread):
    """They are patient: a verifier may be dead, or cut off from its node, and a promise is watched once it is taken."""

    def __init__(self, verifiers: Mapping[str, Verifier]) -> None:
        super().__init__(name="holders")
        self._verifiers, self._over = verifiers, threading.Event()
        self._waiting: list[tuple[str, dict[str, Any]]] = []
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    @property
    def waiting(self) -> int:
        """How many promises no verifier has taken yet."""
        if self._failure is not None:
            raise self._failure
        return len(self._waiting)

    def hold(self, verifier: str, *promises: dict[str, Any]) -> None:
        """From now on these are to be handed to a verifier."""
        for promise in promises:
            self._waiting.append((verifier, promise))

    def run(self) -> None:
        """Until it is over."""
        try:
            while not self._over.wait(0.1):
                for one in list(self._waiting):
                    verifier, promise = one
                    if self._over.is_set() or self._verifiers[verifier].takes(promise):
                        self._waiting.remove(one)
        except BaseException as error:
            self._failure = error
