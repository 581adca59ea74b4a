"""Objects with their revisions and contents, and the states and journals of trainings, on SQLite."""

# ruff: noqa: S608 - what is put into the statements is constant; values are bound
from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .contract import Attachment, JournalEntry, Page, Record, Revision, Scope, Selection
from .database import Database

__all__ = ["SqliteStore"]

_COLUMNS = (
    "position, id, collection, scope_kind, scope_id, name, description, tags, owner, created_at, "
    "modified_at, entity, extra, state, status, due_at"
)
_WRITTEN = _COLUMNS.removeprefix("position, ")
_MARKS = ", ".join("?" * 15)
_HAS_TAG = "EXISTS (SELECT 1 FROM json_each(objects.tags) WHERE value = ?)"


class SqliteStore(Database):
    """Everything the service keeps; see :mod:`.contract` for the values."""

    # objects

    def insert(self, record: Record) -> None:
        """Store a new object."""
        with self.transaction() as db:
            db.execute(f"INSERT INTO objects ({_WRITTEN}) VALUES ({_MARKS})", _row(record))

    def get(self, collection: str, object_id: str, scope: Scope | None = None) -> Record | None:
        """Return one object, within `scope` if one is given."""
        rows = self.query(
            f"SELECT {_COLUMNS} FROM objects WHERE id = ? AND collection = ?", (object_id, collection)
        )
        record = _record(rows[0]) if rows else None
        return record if record and scope in (None, record.scope) else None

    def change(
        self, collection: str, object_id: str, scope: Scope | None, alter: Callable[[Record], Record]
    ) -> Record | None:
        """Replace an object by what `alter` makes of it, in one transaction; None if it is not there.

        What `alter` raises leaves the object as it was.
        """
        with self.transaction() as db:
            row = db.execute(
                f"SELECT {_COLUMNS} FROM objects WHERE id = ? AND collection = ?", (object_id, collection)
            ).fetchone()
            if row is None or (scope is not None and _record(row).scope != scope):
                return None
            before = _record(row)
            after = alter(before)
            if after != before:
                self._write(db, after)
            return after

    @staticmethod
    def _write(db: sqlite3.Connection, record: Record) -> None:
        db.execute(f"UPDATE objects SET ({_WRITTEN}) = ({_MARKS}) WHERE id = ?", (*_row(record), record.id))

    def delete(self, object_id: str) -> list[str]:
        """Delete an object with its revisions, contents and journal; return contents nobody refers to."""
        with self.transaction() as db:
            held = db.execute("SELECT DISTINCT sha256 FROM attachments WHERE model_id = ?", (object_id,))
            contents = {row[0] for row in held}
            db.execute("DELETE FROM journal WHERE training_id = ?", (object_id,))
            db.execute("DELETE FROM objects WHERE id = ?", (object_id,))
            return self._unused(db, contents)

    def page(
        self,
        collection: str,
        scope: Scope,
        selection: Selection,
        *,
        limit: int,
        before: int | None = None,
        count: bool = False,
    ) -> Page:
        """Return one page of a scope's objects, newest first; with `count` also how many match in all."""
        condition, values = _condition(collection, scope, selection)
        total = None
        if count:
            total = int(self.query(f"SELECT count(*) FROM objects WHERE {condition}", values)[0][0])
        if before is not None:
            condition += " AND position < ?"
            values.append(before)
        rows = self.query(
            f"SELECT {_COLUMNS} FROM objects WHERE {condition} ORDER BY position DESC LIMIT ?",
            [*values, limit + 1],
        )
        records = [_record(row) for row in rows[:limit]]
        more = len(rows) > limit
        return Page(records, records[-1].position if more else None, total)

    def clear_objects(self) -> list[str]:
        """Drop every object and journal; users, keys and scopes stay. Returns the contents they had."""
        with self.transaction() as db:
            contents = [row[0] for row in db.execute("SELECT DISTINCT sha256 FROM attachments")]
            db.execute("DELETE FROM objects")
            db.execute("DELETE FROM journal")
        return contents

    def models_being_imported(self) -> list[Record]:
        """Return the models whose content is still to come from a training's results."""
        rows = self.query(
            f"SELECT {_COLUMNS} FROM objects WHERE collection = 'models' "
            "AND json_extract(entity, '$.content_import_state') = 'running'"
        )
        return [_record(row) for row in rows]

    # revisions

    def commit_revision(self, record: Record, committed_at: str, message: str) -> Revision:
        """Keep the object and its contents as they are now under the next revision number."""
        with self.transaction() as db:
            rev = db.execute(
                "SELECT coalesce(max(rev), 0) + 1 FROM revisions WHERE object_id = ?", (record.id,)
            ).fetchone()[0]
            values = (record.id, rev, json.dumps(_row(record)), committed_at, message)
            db.execute("INSERT INTO revisions VALUES (?, ?, ?, ?, ?)", values)
            db.execute(
                "INSERT INTO attachments (id, rev, model_id, content_format, sha256, size, name) "
                "SELECT id, ?, model_id, content_format, sha256, size, name FROM attachments "
                "WHERE model_id = ? AND rev = 0",
                (rev, record.id),
            )
        return Revision(rev, record, committed_at, message)

    def revisions(self, object_id: str) -> list[Revision]:
        """Return the revisions of an object, newest first."""
        rows = self.query(
            "SELECT rev, record, committed_at, message FROM revisions WHERE object_id = ? ORDER BY rev DESC",
            (object_id,),
        )
        return [
            Revision(rev, _record((0, *json.loads(text))), at, message) for rev, text, at, message in rows
        ]

    # contents of models

    def put_attachment(self, attachment: Attachment, alter: Callable[[Record], Record]) -> list[str] | None:
        """Add content to a model in place of what it has of the same format and name.

        `alter` makes the model's new record. Returns the contents that nobody refers to any more; None if the
        model is gone.
        """
        with self.transaction() as db:
            row = db.execute(
                f"SELECT {_COLUMNS} FROM objects WHERE id = ?", (attachment.model_id,)
            ).fetchone()
            if row is None:
                return None
            same = (attachment.model_id, attachment.content_format, attachment.name)
            where = "model_id = ? AND rev = 0 AND content_format = ? AND name = ?"
            held = {row[0] for row in db.execute(f"SELECT sha256 FROM attachments WHERE {where}", same)}
            db.execute(f"DELETE FROM attachments WHERE {where}", same)
            db.execute(
                "INSERT INTO attachments (id, rev, model_id, content_format, sha256, size, name) "
                "VALUES (?, 0, ?, ?, ?, ?, ?)",
                (
                    attachment.id,
                    attachment.model_id,
                    attachment.content_format,
                    attachment.sha256,
                    attachment.size,
                    attachment.name,
                ),
            )
            self._write(db, alter(_record(row)))
            return self._unused(db, held)

    def attachments(self, model_id: str, *, rev: int = 0) -> list[Attachment]:
        """Return the contents of a model; `rev` 0 is the model as it is now."""
        rows = self.query(
            "SELECT id, model_id, content_format, sha256, size, name FROM attachments "
            "WHERE model_id = ? AND rev = ? ORDER BY position",
            (model_id, rev),
        )
        return [Attachment(*row) for row in rows]

    def delete_attachment(self, attachment_id: str) -> list[str]:
        """Remove one content of a model; revisions keep theirs. Returns what nobody refers to any more."""
        with self.transaction() as db:
            where = "id = ? AND rev = 0"
            rows = db.execute(f"SELECT sha256 FROM attachments WHERE {where}", (attachment_id,)).fetchall()
            db.execute(f"DELETE FROM attachments WHERE {where}", (attachment_id,))
            return self._unused(db, {row[0] for row in rows})

    def contents(self) -> set[str]:
        """Return the sha256 of every content that something refers to."""
        return {row[0] for row in self.query("SELECT DISTINCT sha256 FROM attachments")}

    @staticmethod
    def _unused(db: sqlite3.Connection, contents: set[str]) -> list[str]:
        used = "SELECT 1 FROM attachments WHERE sha256 = ? LIMIT 1"
        return [sha256 for sha256 in sorted(contents) if db.execute(used, (sha256,)).fetchone() is None]

    # trainings

    def active_trainings(self) -> list[Record]:
        """Return every training that has not ended, oldest first."""
        rows = self.query(
            f"SELECT {_COLUMNS} FROM objects WHERE collection = 'trainings' AND state NOT IN "
            "('completed', 'failed', 'canceled', 'error') ORDER BY position"
        )
        return [_record(row) for row in rows]

    def due_trainings(self) -> list[tuple[str, float]]:
        """Return id and time of the next trainings that the clock moves on, soonest first."""
        sql = "SELECT id, due_at FROM objects WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 100"
        return [(row[0], row[1]) for row in self.query(sql)]

    def change_training(
        self, training_id: str, alter: Callable[[Record], Record], *, event: str, data: Mapping[str, Any]
    ) -> Record | None:
        """Change a training and write its journal in one transaction; None if it is gone."""
        with self.transaction() as db:
            row = db.execute(
                f"SELECT {_COLUMNS} FROM objects WHERE id = ? AND collection = 'trainings'", (training_id,)
            ).fetchone()
            if row is None:
                return None
            before = _record(row)
            after = alter(before)
            self._write(db, after)
            if event:
                self._add_journal(db, training_id, after.modified_at, event, data)
            return after

    def add_journal(self, training_id: str, at: str, event: str, data: Mapping[str, Any]) -> None:
        """Append to a training's journal."""
        with self.transaction() as db:
            self._add_journal(db, training_id, at, event, data)

    @staticmethod
    def _add_journal(
        db: sqlite3.Connection, training_id: str, at: str, event: str, data: Mapping[str, Any]
    ) -> None:
        db.execute(
            "INSERT INTO journal (training_id, at, event, data) VALUES (?, ?, ?, ?)",
            (training_id, at, event, json.dumps(dict(data))),
        )

    def journal(self, training_id: str) -> list[JournalEntry]:
        """Return a training's journal in the order it was written."""
        rows = self.query(
            "SELECT at, event, data FROM journal WHERE training_id = ? ORDER BY position", (training_id,)
        )
        return [JournalEntry(at, event, json.loads(data)) for at, event, data in rows]


def _condition(collection: str, scope: Scope, selection: Selection) -> tuple[str, list[Any]]:
    where = ["collection = ?", "scope_kind = ?", "scope_id = ?"]
    values: list[Any] = [collection, scope.kind, scope.id]
    for tag in selection.all_tags:
        where.append(_HAS_TAG)
        values.append(tag)
    if selection.any_tags:
        where.append(f"({' OR '.join([_HAS_TAG] * len(selection.any_tags))})")
        values += selection.any_tags
    if selection.search:
        where.append("(instr(lower(name), lower(?)) OR instr(lower(coalesce(description, '')), lower(?)))")
        values += [selection.search, selection.search]
    if selection.state:
        where.append("state = ?")
        values.append(selection.state)
    for path, value in selection.entity_values.items():
        where.append("json_extract(entity, ?) = ?")
        values += [path, value]
    return " AND ".join(where), values


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
    position, object_id, collection, kind, scope_id, name, description, tags, owner, created, modified = row[
        :11
    ]
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
