"""The store on SQLite: write-ahead log, synced at every commit.

What was acknowledged survives a power loss.

One connection behind a lock: a request needs a few of these statements, each some tens of microseconds.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import ServiceError
from .contract import Attachment, Page, Record, Revision, Scope
from .schema import MIGRATIONS

__all__ = ["SqliteStore"]

_COLUMNS = (
    "position, id, collection, scope_kind, scope_id, name, description, tags, owner, created_at, "
    "modified_at, entity, extra, state, status, due_at"
)


class SqliteStore:
    """Objects, revisions, attachments and the journal of trainings in one database file."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
                self._db.execute(f"PRAGMA {pragma}")
            self._migrate()
        except sqlite3.Error as error:
            raise ServiceError(
                f"The database {path} cannot be opened: {error}.", hint="Name another folder with --data-dir."
            ) from None

    def _migrate(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise ServiceError(
                "The data folder was written by a newer version.", hint="Install that version."
            )
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            self._db.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")

    def close(self) -> None:
        """Close the database; the write-ahead log is folded into it."""
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run statements that happen together or not at all."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a reading statement."""
        with self._lock:
            return self._db.execute(sql, parameters).fetchall()

    # settings

    def setting(self, name: str) -> str | None:
        """Return a setting that the store keeps, such as the signing key."""
        rows = self.query("SELECT value FROM settings WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else None

    def put_setting(self, name: str, value: str) -> None:
        """Keep a setting."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    # objects

    def insert(self, record: Record) -> None:
        """Store a new object."""
        with self.transaction() as db:
            db.execute(
                f"INSERT INTO objects ({_COLUMNS.removeprefix('position, ')}) "  # noqa: S608
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                _row(record),
            )

    def get(self, collection: str, object_id: str, scope: Scope | None = None) -> Record | None:
        """Return one object, within `scope` if one is given."""
        rows = self.query(
            f"SELECT {_COLUMNS} FROM objects WHERE id = ? AND collection = ?",  # noqa: S608
            (object_id, collection),
        )
        record = _record(rows[0]) if rows else None
        return record if record and scope in (None, record.scope) else None

    def update(self, record: Record) -> None:
        """Replace what is stored of `record`."""
        with self.transaction() as db:
            db.execute(
                "UPDATE objects SET (id, collection, scope_kind, scope_id, name, description, tags, owner, "
                "created_at, modified_at, entity, extra, state, status, due_at) = "
                "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ?",
                (*_row(record), record.id),
            )

    def delete(self, object_id: str) -> list[str]:
        """Delete an object with its revisions and attachments; return contents nobody refers to any more."""
        with self.transaction() as db:
            held = self._contents_of(db, object_id)
            db.execute("DELETE FROM journal WHERE training_id = ?", (object_id,))
            db.execute("DELETE FROM objects WHERE id = ?", (object_id,))
            return self._unused(db, held)

    def page(
        self,
        collection: str,
        scope: Scope,
        *,
        limit: int,
        before: int | None = None,
        all_tags: Sequence[str] = (),
        any_tags: Sequence[str] = (),
        search: str = "",
        state: str = "",
        software_spec: str = "",
    ) -> Page:
        """Return one page of a scope's objects, newest first, and how many match in all."""
        where = ["collection = ?", "scope_kind = ?", "scope_id = ?"]
        values: list[Any] = [collection, scope.kind, scope.id]
        has_tag = "EXISTS (SELECT 1 FROM json_each(objects.tags) WHERE value = ?)"
        for tag in all_tags:
            where.append(has_tag)
            values.append(tag)
        if any_tags:
            where.append(f"({' OR '.join([has_tag] * len(any_tags))})")
            values += any_tags
        if search:
            where.append(
                "(instr(lower(name), lower(?)) OR instr(lower(coalesce(description, '')), lower(?)))"
            )
            values += [search, search]
        if state:
            where.append("state = ?")
            values.append(state)
        if software_spec:
            where.append("json_extract(entity, '$.software_spec.id') = ?")
            values.append(software_spec)
        condition = " AND ".join(where)
        total = self.query(f"SELECT count(*) FROM objects WHERE {condition}", values)[0][0]  # noqa: S608
        if before is not None:
            condition += " AND position < ?"
            values.append(before)
        rows = self.query(
            f"SELECT {_COLUMNS} FROM objects WHERE {condition} ORDER BY position DESC LIMIT ?",  # noqa: S608
            [*values, limit + 1],
        )
        records = [_record(row) for row in rows[:limit]]
        more = len(rows) > limit
        return Page(records, records[-1].position if more else None, total)

    def active_trainings(self) -> list[Record]:
        """Return every training that has not ended, oldest first."""
        rows = self.query(
            f"SELECT {_COLUMNS} FROM objects WHERE collection = 'trainings' AND state NOT IN "  # noqa: S608
            "('completed', 'failed', 'canceled', 'error') ORDER BY position"
        )
        return [_record(row) for row in rows]

    # revisions

    def commit_revision(self, record: Record, committed_at: str, message: str) -> Revision:
        """Keep the object as it is now under the next revision number."""
        with self.transaction() as db:
            last = db.execute(
                "SELECT coalesce(max(rev), 0) FROM revisions WHERE object_id = ?", (record.id,)
            ).fetchone()[0]
            attachments = [attachment.id for attachment in self._attachments(db, record.id)]
            db.execute(
                "INSERT INTO revisions VALUES (?, ?, ?, ?, ?, ?)",
                (
                    record.id,
                    last + 1,
                    json.dumps(_row(record)),
                    json.dumps(attachments),
                    committed_at,
                    message,
                ),
            )
        return Revision(last + 1, record, committed_at, message)

    def revisions(self, object_id: str) -> list[Revision]:
        """Return the revisions of an object, newest first."""
        rows = self.query(
            "SELECT rev, record, committed_at, message FROM revisions WHERE object_id = ? ORDER BY rev DESC",
            (object_id,),
        )
        return [
            Revision(rev, _record((0, *json.loads(text))), at, message) for rev, text, at, message in rows
        ]

    # attachments

    def put_attachment(self, attachment: Attachment, record: Record) -> list[str]:
        """Add content to a model, replacing what it has of the same format; `record` is its new state.

        Returns the contents that nobody refers to any more.
        """
        with self.transaction() as db:
            held = self._contents_of(db, attachment.model_id)
            db.execute(
                "DELETE FROM attachments WHERE model_id = ? AND content_format = ? AND name = ?",
                (attachment.model_id, attachment.content_format, attachment.name),
            )
            db.execute(
                "INSERT INTO attachments VALUES (?, ?, ?, ?, ?, ?, "
                "(SELECT coalesce(max(position), 0) + 1 FROM attachments))",
                (
                    attachment.id,
                    attachment.model_id,
                    attachment.content_format,
                    attachment.sha256,
                    attachment.size,
                    attachment.name,
                ),
            )
            db.execute(
                "UPDATE objects SET modified_at = ?, extra = ? WHERE id = ?",
                (record.modified_at, json.dumps(dict(record.extra)), record.id),
            )
            return self._unused(db, held)

    def attachments(self, model_id: str) -> list[Attachment]:
        """Return the attachments of a model."""
        with self._lock:
            return self._attachments(self._db, model_id)

    def delete_attachment(self, attachment_id: str) -> list[str]:
        """Remove one attachment; return the contents that nobody refers to any more."""
        with self.transaction() as db:
            rows = db.execute("SELECT sha256 FROM attachments WHERE id = ?", (attachment_id,)).fetchall()
            db.execute("DELETE FROM attachments WHERE id = ?", (attachment_id,))
            return self._unused(db, {row[0] for row in rows})

    @staticmethod
    def _attachments(db: sqlite3.Connection, model_id: str) -> list[Attachment]:
        rows = db.execute(
            "SELECT id, model_id, content_format, sha256, size, name FROM attachments "
            "WHERE model_id = ? ORDER BY position",
            (model_id,),
        )
        return [Attachment(*row) for row in rows]

    @staticmethod
    def _contents_of(db: sqlite3.Connection, model_id: str) -> set[str]:
        rows = db.execute("SELECT sha256 FROM attachments WHERE model_id = ?", (model_id,))
        return {row[0] for row in rows}

    @staticmethod
    def _unused(db: sqlite3.Connection, contents: set[str]) -> list[str]:
        def used(sha256: str) -> bool:
            row = db.execute("SELECT 1 FROM attachments WHERE sha256 = ? LIMIT 1", (sha256,)).fetchone()
            return row is not None

        return [sha256 for sha256 in sorted(contents) if not used(sha256)]

    # trainings

    def put_state(
        self,
        training_id: str,
        *,
        expected: str,
        state: str,
        status: Mapping[str, Any],
        modified_at: str,
        due_at: float | None,
    ) -> bool:
        """Move a training from `expected` to `state`, journalled; False if it is no longer in `expected`."""
        with self.transaction() as db:
            changed = db.execute(
                "UPDATE objects SET state = ?, status = ?, modified_at = ?, due_at = ? "
                "WHERE id = ? AND state = ?",
                (state, json.dumps(dict(status)), modified_at, due_at, training_id, expected),
            ).rowcount
            if changed:
                db.execute(
                    "INSERT INTO journal (training_id, at, event, data) VALUES (?, ?, 'state', ?)",
                    (training_id, modified_at, json.dumps({"from": expected, "to": state})),
                )
        return bool(changed)

    def add_journal(self, training_id: str, at: str, event: str, data: Mapping[str, Any]) -> None:
        """Append to a training's journal."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO journal (training_id, at, event, data) VALUES (?, ?, ?, ?)",
                (training_id, at, event, json.dumps(dict(data))),
            )

    def journal(self, training_id: str) -> list[tuple[str, str, dict[str, Any]]]:
        """Return a training's journal in order: time, event, data."""
        rows = self.query(
            "SELECT at, event, data FROM journal WHERE training_id = ? ORDER BY position", (training_id,)
        )
        return [(at, event, json.loads(data)) for at, event, data in rows]

    def clear_objects(self) -> None:
        """Drop every object, revision, attachment and journal entry; users and projects stay."""
        with self.transaction() as db:
            db.execute("DELETE FROM objects")
            db.execute("DELETE FROM journal")


def _row(record: Record) -> tuple[Any, ...]:
    return (
        record.id,
        record.collection,
        record.scope.kind,
        record.scope.id,
        record.name,
        record.description,
        None if record.tags is None else json.dumps(list(record.tags)),
        record.owner,
        record.created_at,
        record.modified_at,
        json.dumps(dict(record.entity)),
        json.dumps(dict(record.extra)),
        record.state,
        json.dumps(dict(record.status)),
        record.due_at,
    )


def _record(row: Sequence[Any]) -> Record:
    (position, object_id, collection, kind, scope_id, name, description, tags, owner, created, modified) = (
        row[:11]
    )
    entity, extra, state, status, due_at = row[11:]
    record = Record(
        id=object_id,
        collection=collection,
        scope=Scope(kind, scope_id),
        name=name,
        created_at=created,
        modified_at=modified,
        owner=owner,
        description=description,
        tags=None if tags is None else json.loads(tags),
        entity=json.loads(entity),
        extra=json.loads(extra),
        position=position,
    )
    return replace(record, state=state, status=json.loads(status), due_at=due_at)
