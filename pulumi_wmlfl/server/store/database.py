"""One SQLite file: write-ahead log, synced at every commit, migrated by `user_version`.

What was acknowledged survives a power loss. One connection writes; another reads, which in this mode never
waits for a writer. Both are shared by all threads behind a lock each.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import ServiceError
from .schema import MIGRATIONS

__all__ = ["Database"]

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000")


class Database:
    """Transactions, queries and small settings; `writes` counts this process's transactions."""

    def __init__(self, path: Path) -> None:
        self._write_lock = threading.RLock()
        self._read_lock = threading.Lock()
        self.writes = 0
        try:
            self._writer = self._connect(path)
            self._migrate()
            self._reader = self._connect(path)
        except sqlite3.Error as error:
            raise ServiceError(
                f"The database {path} cannot be opened: {error}.", hint="Name another folder with --data-dir."
            ) from None

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _migrate(self) -> None:
        version = self._writer.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise ServiceError(
                "The data folder was written by a newer version of pulumi-wmlfl.",
                hint="Install that version, or name another folder with --data-dir.",
            )
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            self._writer.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")

    def close(self) -> None:
        """Close the database; the write-ahead log is folded into it."""
        with self._write_lock, self._read_lock:
            self._reader.close()
            self._writer.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run statements that happen together or not at all; durable when the block ends."""
        with self._write_lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
                self.writes += 1
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a reading statement."""
        with self._read_lock:
            return self._reader.execute(sql, parameters).fetchall()

    def setting(self, name: str) -> str | None:
        """Return a setting that the database keeps, such as the signing key."""
        rows = self.query("SELECT value FROM settings WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def put_setting(self, name: str, value: str) -> None:
        """Keep a setting."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))
