"""The emulator's SQLite: objects, the outbox and idempotent answers, changed in whole transactions.

A rollback journal with `synchronous=EXTRA` and one connection, because that is what survives a power cut: the change
and the events it sends are on disk together before anyone is told that it happened.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

__all__ = ["DEFAULT_ACCOUNT", "Cursor", "Due", "Filter", "Json", "Store", "StoreError", "Transaction"]

Json: TypeAlias = dict[str, Any]

DEFAULT_ACCOUNT = "acct_emulator"  # whose keys are all that belong to no other account

_OURS = 0x656E7473  # SQLite's application_id: "ents"
_VERSION = 2
_TABLES = """
CREATE TABLE objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL,  -- what belongs to one is invisible in another
  kind TEXT NOT NULL, id TEXT NOT NULL,
  parent TEXT,      -- the object it belongs to: the customer of a subscription, the product of a price
  clock TEXT,       -- the test clock whose time it lives in; none for the emulator's own
  due INTEGER,      -- when time itself changes it: a renewal, the end of a trial
  body TEXT NOT NULL,
  UNIQUE (kind, id, account));
CREATE INDEX objects_by_kind ON objects (account, kind, seq);
CREATE INDEX objects_by_parent ON objects (account, kind, parent, seq);
CREATE INDEX objects_by_due ON objects (clock, due, seq) WHERE due IS NOT NULL;
CREATE TABLE contents (
  file TEXT PRIMARY KEY,
  body BLOB NOT NULL);
CREATE TABLE deliveries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  event TEXT NOT NULL, endpoint TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending');
CREATE INDEX deliveries_pending ON deliveries (endpoint, seq) WHERE state = 'pending';
CREATE INDEX deliveries_by_event ON deliveries (event, state);
CREATE TABLE attempts (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  delivery INTEGER NOT NULL, at INTEGER NOT NULL, status INTEGER, error TEXT);
CREATE INDEX attempts_by_delivery ON attempts (delivery, seq);
CREATE TABLE idempotency (
  account TEXT NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL,
  fingerprint TEXT NOT NULL, request TEXT NOT NULL, at INTEGER NOT NULL,
  status INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (account, key, path));
"""


class StoreError(Exception):
    """The database can't be used: it isn't the emulator's, of another version, in use, or not writable."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on objects: SQL of our own, with the values a client gave beside it."""

    sql: str
    values: tuple[object, ...] = ()

    @property
    def of_parent(self) -> bool:
        """Say whether this asks for the objects of one parent."""
        return self.sql.startswith("parent ")

    @classmethod
    def field(cls, name: str, value: object) -> Filter:
        """Ask for objects whose body has this value in a top-level field."""
        return cls(f"json_extract(body, '$.{name}') = ?", (value,))


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: after one object, or before one; at the newest with neither."""

    after: int | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """An object that time changes, and when."""

    account: str
    kind: str
    id: str
    at: int


class Transaction:
    """Reads and writes that happen together or not at all, on the objects of one account."""

    def __init__(self, connection: sqlite3.Connection, account: str) -> None:
        self.sql = connection.execute
        self.account = account
        self._connection = connection
        self._changes = connection.total_changes

    def of(self, account: str) -> Transaction:
        """Turn to another account, within the same transaction."""
        return self if account == self.account else Transaction(self._connection, account)

    @property
    def wrote(self) -> bool:
        """Say whether anything was changed so far."""
        return self._connection.total_changes > self._changes

    def add(
        self, kind: str, body: Json, *, parent: str | None = None, due: int | None = None, clock: str | None = None
    ) -> Json:
        """Keep a new object under its `id`."""
        self.sql(
            "INSERT INTO objects (account, kind, id, parent, clock, due, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self.account, kind, body["id"], parent, clock, due, json.dumps(body)),
        )
        return body

    def put(self, kind: str, body: Json, *, due: int | None = None) -> Json:
        """Replace an object by its newer self."""
        self.sql(
            "UPDATE objects SET body = ?, due = ? WHERE kind = ? AND id = ? AND account = ?",
            (json.dumps(body), due, kind, body["id"], self.account),
        )
        return body

    def place(self, kind: str, object_id: str, clock: str) -> None:
        """Let an object live in a test clock's time."""
        query = "UPDATE objects SET clock = ? WHERE kind = ? AND id = ? AND account = ?"
        self.sql(query, (clock, kind, object_id, self.account))

    def drop(self, kind: str, object_id: str) -> None:
        """Forget an object."""
        self.sql("DELETE FROM objects WHERE kind = ? AND id = ? AND account = ?", (kind, object_id, self.account))

    def get(self, kind: str, object_id: str) -> Json | None:
        """Fetch an object, or None."""
        query = "SELECT body FROM objects WHERE kind = ? AND id = ? AND account = ?"
        row = self.sql(query, (kind, object_id, self.account)).fetchone()
        return None if row is None else json.loads(row[0])

    def position(self, kind: str, object_id: str, within: Sequence[Filter] = ()) -> int | None:
        """Find an object's place in the order of creation."""
        conditions = [Filter("kind = ? AND id = ? AND account = ?", (kind, object_id, self.account)), *within]
        query = f"SELECT seq FROM objects WHERE {' AND '.join(each.sql for each in conditions)}"  # noqa: S608 - ours
        row = self.sql(query, tuple(value for each in conditions for value in each.values)).fetchone()
        return None if row is None else int(row[0])

    def all(self, kind: str, *, parent: str | None = None) -> list[Json]:
        """Fetch every object of a kind, or of one parent, oldest first."""
        of_parent = "" if parent is None else " AND parent = ?"
        query = f"SELECT body FROM objects WHERE account = ? AND kind = ?{of_parent} ORDER BY seq"  # noqa: S608 - ours
        rows = self.sql(query, (self.account, kind) if parent is None else (self.account, kind, parent))
        return [json.loads(body) for (body,) in rows]

    def page(self, kind: str, filters: Sequence[Filter], cursor: Cursor, limit: int) -> tuple[list[Json], bool]:
        """Fetch up to `limit` objects, newest first, and say whether more follow in the direction asked."""
        backwards = cursor.before is not None
        conditions = [Filter("account = ? AND kind = ?", (self.account, kind)), *filters, *_bounds(cursor)]
        where = " AND ".join(condition.sql for condition in conditions)
        values = [value for condition in conditions for value in condition.values]
        order = "ASC" if backwards else "DESC"
        query = f"SELECT body FROM objects WHERE {where} ORDER BY seq {order} LIMIT ?"  # noqa: S608 - our own SQL
        found = [json.loads(body) for (body,) in self.sql(query, (*values, limit + 1))]
        page = found[:limit]
        return (page[::-1] if backwards else page), len(found) > limit

    def due(self, now: int, clock: str | None = None) -> Due | None:
        """Find what time changes next, in any account, if its moment has come: by our own time, or a test clock's."""
        query = (
            "SELECT account, kind, id, due FROM objects WHERE due IS NOT NULL AND clock IS ? AND due <= ? "
            "ORDER BY due, seq LIMIT 1"
        )
        row = self.sql(query, (clock, now)).fetchone()
        return None if row is None else Due(*row)


def _bounds(cursor: Cursor) -> list[Filter]:
    after = [] if cursor.after is None else [Filter("seq < ?", (cursor.after,))]
    before = [] if cursor.before is None else [Filter("seq > ?", (cursor.before,))]
    return after + before


class Store:
    """Open the emulator's database: a file that outlives the process, or memory when there is no path."""

    def __init__(self, path: str | Path | None = None) -> None:
        self._path = path
        self._turn = threading.RLock()
        self._connection = _open(path)

    @contextmanager
    def transaction(self, account: str = DEFAULT_ACCOUNT) -> Generator[Transaction]:
        """Run a block as one transaction: committed when it ends, undone when it raises."""
        with self._turn:
            self._connection.execute("BEGIN")
            try:
                yield Transaction(self._connection, account)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a failed COMMIT may already have ended it
                    self._connection.execute("ROLLBACK")
                raise

    def teach(self, name: str, answer: Callable[[], int]) -> None:
        """Let SQL ask Python: make a function of that name."""
        with self._turn:
            self._connection.create_function(name, 0, answer)

    def clear(self) -> None:
        """Forget everything; places in the order of creation are never given again."""
        with self.transaction() as tx:
            for table in ("objects", "contents", "deliveries", "attempts", "idempotency"):
                tx.sql(f"DELETE FROM {table}")  # noqa: S608 - names of our own

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._turn:
            self._connection.close()


def _open(path: str | Path | None) -> sqlite3.Connection:
    try:
        # Threads take turns by a lock of ours, so that one connection may serve them all.
        connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False, timeout=1.0)
    except sqlite3.Error as error:
        raise StoreError(f"can't open {path}: {error}; name a file in a folder that exists and is writable") from error
    try:
        _prepare(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: str | Path | None) -> None:
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # one emulator a file
        connection.execute("PRAGMA synchronous = EXTRA")
        connection.execute("BEGIN EXCLUSIVE")
        _recognise(connection, path)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        raise StoreError(f"can't use {path}: {error}; is another emulator running on it?") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} is not a database of this emulator ({error}); name a new file or its own") from error


def _recognise(connection: sqlite3.Connection, path: str | Path | None) -> None:
    owner, version = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("application_id", "user_version")
    )
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0 and owner == 0:
        for statement in (
            *_TABLES.split(";\n"),
            f"PRAGMA application_id = {_OURS}",
            f"PRAGMA user_version = {_VERSION}",
        ):
            connection.execute(statement)
    elif owner != _OURS:
        raise StoreError(f"{path} is a database of another program; name a new file or this emulator's own")
    elif version != _VERSION:
        raise StoreError(f"{path} has schema version {version}, this emulator reads {_VERSION}; name a new file")
