"""Settings of what a process tells: alerts and logs."""

# ruff: noqa: RUF009 - setting() only wraps dataclasses.field, which ruff knows to be harmless
from dataclasses import dataclass

from ..settings import URL, at_least, setting
from ..telemetry.logs import LogFormat, LogLevel


@dataclass(frozen=True)
class AlertsConfig:
    """Telling somebody what they should know of now: relayer and verifier alike."""

    webhook: str | None = setting(
        "Where alerts are sent, a JSON object a POST. Unset: they are only logged and counted. May hold an access key, "
        "so of it only the host is ever logged.",
        None,
        URL,
        secret=True,
        example="https://alerts.example.org/afterproof",
    )
    repeat: float = setting(
        "Seconds until an alert that lasts is sent again.", 14_400.0, at_least(60, 2_592_000)
    )
    patience: float = setting(
        "Seconds that trouble of the process must last, or data be missing, until that is an alert.",
        300.0,
        at_least(0, 86_400),
    )
    deadline_near: float = setting(
        "Seconds before a deadline at which it is an alert that what it is for is not done. Of promises half of "
        "relayer.promise_margin where that is less.",
        600.0,
        at_least(0, 86_400),
    )
    timeout: float = setting("Seconds that one delivery may take.", 5.0, at_least(0.1, 60))


@dataclass(frozen=True)
class LogConfig:
    """What is logged, to standard error."""

    format: LogFormat = setting(
        "How: text, a line for people, or json, an object a line for programs.", LogFormat.TEXT
    )
    level: LogLevel = setting("From which level on: debug, info, warning or error.", LogLevel.INFO)
