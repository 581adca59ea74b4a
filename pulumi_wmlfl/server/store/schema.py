"""Tables of the store and how one version of them becomes the next (`PRAGMA user_version`)."""

from __future__ import annotations

__all__ = ["MIGRATIONS"]

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE users (
        id TEXT PRIMARY KEY, username TEXT NOT NULL UNIQUE, email TEXT NOT NULL DEFAULT ''
    ) STRICT;
    CREATE TABLE api_keys (
        id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
        hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL, created_at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE scopes (
        id TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('project_id', 'space_id')),
        name TEXT NOT NULL, created_at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE members (
        scope_id TEXT NOT NULL REFERENCES scopes(id) ON DELETE CASCADE,
        user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
        role TEXT NOT NULL CHECK (role IN ('admin', 'editor', 'viewer')),
        PRIMARY KEY (scope_id, user_id)
    ) STRICT;
    CREATE TABLE objects (
        position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, collection TEXT NOT NULL,
        scope_kind TEXT NOT NULL, scope_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT, tags TEXT,
        owner TEXT NOT NULL, created_at TEXT NOT NULL, modified_at TEXT NOT NULL, entity TEXT NOT NULL,
        extra TEXT NOT NULL, state TEXT NOT NULL DEFAULT '', status TEXT NOT NULL DEFAULT '{}', due_at REAL
    ) STRICT;
    CREATE INDEX objects_by_scope ON objects (collection, scope_id, position DESC);
    CREATE INDEX objects_due ON objects (due_at) WHERE due_at IS NOT NULL;
    CREATE TABLE revisions (
        object_id TEXT NOT NULL REFERENCES objects(id) ON DELETE CASCADE, rev INTEGER NOT NULL,
        record TEXT NOT NULL, committed_at TEXT NOT NULL, message TEXT NOT NULL,
        PRIMARY KEY (object_id, rev)
    ) STRICT;
    CREATE TABLE attachments (
        position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, rev INTEGER NOT NULL,
        model_id TEXT NOT NULL REFERENCES objects(id) ON DELETE CASCADE, content_format TEXT NOT NULL,
        sha256 TEXT NOT NULL, size INTEGER NOT NULL, name TEXT NOT NULL, UNIQUE (id, rev)
    ) STRICT;
    CREATE INDEX attachments_by_model ON attachments (model_id, rev);
    CREATE INDEX attachments_by_content ON attachments (sha256);
    CREATE TABLE journal (
        position INTEGER PRIMARY KEY AUTOINCREMENT, training_id TEXT NOT NULL, at TEXT NOT NULL,
        event TEXT NOT NULL, data TEXT NOT NULL
    ) STRICT;
    CREATE INDEX journal_by_training ON journal (training_id, position);
    """,
)
