"""A chain on which an account's transactions come to nothing for a while."""

from collections.abc import Iterable
from typing import Any


class Refusing:
    """A chain whose methods named so, or so at their beginning, end in ``errors``, one each, and then no more.

    ``calls``: how often one of them was called, whatever came of it.
    """

    def __init__(self, chain: Any, methods: str | tuple[str, ...], errors: Iterable[Exception] = ()) -> None:
        self._chain, self._methods, self._errors = chain, methods, iter(errors)
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._chain, name)
        if not name.startswith(self._methods):
            return found

        def act(*arguments: Any) -> Any:
            self.calls += 1
            for error in self._errors:
                raise error
            return found(*arguments)

        return act
