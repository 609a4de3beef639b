"""Alerts that were raised, so that a restart raises none again, and forgets none that is over."""

import json

from ..telemetry.alerts import Alert, Changes, Raised, Severity, Status
from .database import Database


class Alerts:
    """The table ``alerts``; ``owner`` tells apart whoever shares the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, owner: str) -> list[Raised]:
        """What was raised, and is not known to be over by who is to be told."""
        rows = self._database.rows(
            "SELECT name, subject, severity, summary, fields, since, status, told_at FROM alerts WHERE owner = ?"
            " ORDER BY since, name, subject",
            (owner,),
        )
        return [
            Raised(
                Alert(name, subject, Severity(severity), summary, json.loads(fields)),
                since,
                Status(status),
                told,
            )
            for name, subject, severity, summary, fields, since, status, told in rows
        ]

    def keep(self, owner: str, changes: Changes) -> None:
        """Write down what has changed."""
        if not changes.kept and not changes.gone:
            return
        gone = [(owner, *one.alert.key) for one in changes.kept] + [(owner, *key) for key in changes.gone]
        with self._database.transaction():
            self._database.execute_many(
                "DELETE FROM alerts WHERE owner = ? AND name = ? AND subject = ?", gone
            )
            self._database.execute_many(
                "INSERT INTO alerts (owner, name, subject, severity, summary, fields, since, status, told_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        owner, *one.alert.key, one.alert.severity.value, one.alert.summary,
                        json.dumps(dict(one.alert.fields)), one.since, one.status.value, one.told_at,
                    )
                    for one in changes.kept
                ],
            )  # fmt: skip
