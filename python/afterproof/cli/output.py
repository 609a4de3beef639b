"""How a command answers: lines for a person, or one JSON object for a program."""

import json
from collections.abc import Sequence
from typing import Any

import click


def emit(as_json: bool, value: dict[str, Any], text: str) -> None:
    """Print ``value`` as one JSON object on standard output, or ``text``."""
    click.echo(json.dumps(value) if as_json else text)


def note(text: str) -> None:
    """Something beside the answer, on standard error."""
    click.echo(text, err=True)


def facts(rows: Sequence[tuple[str, object]]) -> str:
    """Names and values, one a line, the values aligned."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns under their names, each as wide as it needs: nothing is ever cut off."""
    cells = [list(map(str, row)) for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )
    return "\n".join(lines)
