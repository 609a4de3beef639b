"""Settings for every test, and the databases that tests run on.

Hypothesis has no deadlines, since the first example of a test may compile. Programs that tests start hear SIGINT, even
where this run does not, as in a shell's background: being ignored is inherited.
"""

import logging
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support.databases import UNREACHABLE, VARIABLE, Schemas, on_postgres

settings.register_profile("afterproof", deadline=None, print_blob=True)
settings.load_profile("afterproof")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What a test, or a command that it runs, sets of logging ends with it."""
    loggers = [logging.getLogger(), logging.getLogger("afterproof")]
    before = [(logger, logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.fixture(params=["sqlite", "postgres"])
def either_database(request: pytest.FixtureRequest) -> Iterator[None]:
    """The test's stores are on SQLite, then on PostgreSQL."""
    if request.param == "sqlite":
        yield
        return
    with on_postgres():
        yield


@pytest.fixture
def postgres() -> Iterator[Schemas]:
    """The test's stores are on PostgreSQL."""
    with on_postgres() as schemas:
        yield schemas


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in the last lines what was not tested, for a run without it passes all the same."""
    skipped = terminalreporter.stats.get("skipped", [])
    missed = sum(UNREACHABLE in str(report.longrepr) for report in skipped)
    if missed:
        terminalreporter.write_line(
            f"{missed} tests did not run: {UNREACHABLE}. Name another server with {VARIABLE}.", yellow=True
        )
