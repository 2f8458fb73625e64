"""What this host remembers of one scope: snapshots that outlive a process, notes, and who does what for all.

Rows stand in tables whose names carry the schema's version, so that two releases run side by side on one file. Who
changes a table or the envelope gives the tables their next number.
"""

from __future__ import annotations

import logging
import math
import time
from contextlib import contextmanager
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, TypeVar

from entitlements.boot import this_boot
from entitlements.cache.envelope import Damaged, TooLarge, age, seal, unseal
from entitlements.cache.host_file import HostFile, StoreFault
from entitlements.cache.private_files import real_path
from entitlements.seldom import Seldom

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Callable, Generator, Iterator, Sequence

    from entitlements.cache.envelope import Stored

__all__ = ["HostStore", "StoreFault"]

T = TypeVar("T")

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS boot_1 (
  word TEXT NOT NULL  -- in which all the moments below were noted
);
CREATE TABLE IF NOT EXISTS snapshots_1 (
  scope TEXT NOT NULL, customer TEXT NOT NULL, boot REAL NOT NULL, sealed BLOB NOT NULL,
  PRIMARY KEY (scope, customer));
CREATE INDEX IF NOT EXISTS snapshots_1_by_age ON snapshots_1 (scope, boot);
CREATE TABLE IF NOT EXISTS notes_1 (
  scope TEXT NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL, digest BLOB NOT NULL,
  PRIMARY KEY (scope, name));
CREATE TABLE IF NOT EXISTS leases_1 (
  scope TEXT NOT NULL, name TEXT NOT NULL, holder TEXT NOT NULL, until REAL NOT NULL,
  PRIMARY KEY (scope, name))
"""
_RECALL: Final = "SELECT sealed FROM snapshots_1 WHERE scope = ? AND customer = ?"
# A row from the future can only be a mistake, and must not stand in the way for ever.
_KEEP: Final = (
    "INSERT INTO snapshots_1 (scope, customer, boot, sealed) VALUES (?, ?, ?, ?) ON CONFLICT (scope, customer) "
    "DO UPDATE SET boot = excluded.boot, sealed = excluded.sealed WHERE boot <= excluded.boot OR boot > ?"
)
_COUNT: Final = "SELECT count(*) FROM snapshots_1 WHERE scope = ?"
_BETWEEN: Final = "FROM snapshots_1 WHERE scope = ? AND boot > ? AND (boot, rowid) <= (?, ?)"
_SO_MANY_ON: Final = f"SELECT boot, rowid {_BETWEEN} ORDER BY boot DESC, rowid DESC LIMIT 1 OFFSET ?"
_COUNT_BETWEEN: Final = f"SELECT count(*) {_BETWEEN}"
_NEXT_SCOPE: Final = "SELECT min(scope) FROM snapshots_1 WHERE scope > ?"
_DROP_OLD: Final = (
    "DELETE FROM snapshots_1 WHERE rowid IN "
    "(SELECT rowid FROM snapshots_1 WHERE scope = ? AND boot < ? ORDER BY boot LIMIT ?)"
)
_DROP_OLDEST: Final = (
    "DELETE FROM snapshots_1 WHERE rowid IN (SELECT rowid FROM snapshots_1 WHERE scope = ? ORDER BY boot LIMIT ?)"
)
_NOTE: Final = "SELECT text, digest FROM notes_1 WHERE scope = ? AND name = ?"
_WRITE_NOTE: Final = "INSERT OR REPLACE INTO notes_1 (scope, name, text, digest) VALUES (?, ?, ?, ?)"
_LEASE: Final = "SELECT holder, until FROM leases_1 WHERE scope = ? AND name = ?"
_TAKE: Final = "INSERT OR REPLACE INTO leases_1 (scope, name, holder, until) VALUES (?, ?, ?, ?)"

_ODD: Final = 60.0  # seconds by which another's lease may exceed ours before it is taken for a mistake
_TIDY_EVERY: Final = 500  # rows kept, or a tenth of the capacity if that is less
_TIDY_MOST: Final = 2_000  # rows dropped at once, so that nobody waits for long

_AT_ONCE: Final = 5_000  # rows counted in one turn at the file: some milliseconds at the worst
_BREATH: Final = 0.001  # seconds between two such turns
_LAST_ROW: Final = 2**63 - 1
_FROM_THE_YOUNGEST: Final = (math.inf, _LAST_ROW)

_seldom = Seldom(logging.getLogger("entitlements"))


class HostStore:
    """Keep one scope's snapshots for every process of this host, and for the next one after a restart.

    A snapshot that is lost costs a fetch, so nothing here raises because of the disk: what can't be read isn't there,
    and what can't be written isn't kept. Notes are the exception, since who relies on one must know.

    Args:
        directory: on a local disk, this user's own; made if its parent is there.
        scope: the account and mode whose customers these are.
        boot: seconds on the boot clock.
        wall: seconds of wall time.
        capacity: snapshots kept of this scope, the youngest.
        max_age: seconds after which a snapshot is no longer given or kept.
        boot_id: what names this boot of the machine; the machine says without it.

    Raises:
        InvalidSettings: the directory or its file isn't as safe as it must be.
    """

    def __init__(  # noqa: PLR0913 - one argument a rule
        self,
        directory: str | os.PathLike[str],
        *,
        scope: str,
        boot: Callable[[], float],
        wall: Callable[[], float],
        capacity: int,
        max_age: float,
        boot_id: int | None = None,
    ) -> None:
        self._scope = scope
        self._boot = boot
        self._wall = wall
        self._capacity = capacity
        self._max_age = max_age
        self._kept = 0
        word = f"{this_boot() if boot_id is None else boot_id:016x}"
        self._file = HostFile(real_path(directory), partial(_prepare, boot_id=word), boot)

    # --- snapshots ---------------------------------------------------------------------------------------------------

    def recall(self, customer: str) -> Stored | None:
        """Find the snapshot kept of a customer, if it is younger than `max_age` by both clocks.

        Whether its fence still stands is for the caller to see.
        """
        rows: list[tuple[bytes]] = self._tried(lambda sql: sql.execute(_RECALL, (self._scope, customer)).fetchall(), [])
        if not rows:
            return None
        try:
            stored = unseal(rows[0][0], scope=self._scope, customer=customer)
        except Damaged as damaged:
            _seldom.warning("a snapshot kept in %s is damaged, so it is fetched again: %s", self._file.path, damaged)
            return None
        lived = age(stored, self._boot(), self._wall())
        return stored if lived is not None and lived <= self._max_age else None

    def keep(self, stored: Stored) -> None:
        """Keep a snapshot, unless one whose fetch began later is kept already."""
        try:
            sealed = seal(stored)
        except TooLarge as large:
            _seldom.warning("the snapshot of %r isn't kept in %s: %s", stored.customer, self._file.path, large)
            return
        row = (stored.scope, stored.customer, stored.boot, sealed, self._boot())
        self._tried(lambda sql: sql.execute(_KEEP, row), None)
        self._kept += 1
        if self._kept % min(_TIDY_EVERY, self._capacity // 10 + 1) == 0:
            self._tried(self._tidy, None)

    def counts(self, ages: Sequence[float]) -> Iterator[int]:
        """Count, for one age after another, this scope's customers whose fetch began less than so many seconds ago.

        Give the ages from the youngest on: nobody is counted twice. Between any thousands of rows others have their
        turn at the file, since a question may wait for it.

        Raises:
            StoreFault: it can't be told.
        """
        now, counted, until = self._boot(), 0, _FROM_THE_YOUNGEST
        for old in ages:
            where = (self._scope, now - old)
            while reached := self._file.run(partial(_so_many_on, where=(*where, *until))):
                counted, until = counted + _AT_ONCE, reached
                time.sleep(_BREATH)  # or we might have the file again before whoever waits for it is awake
            counted += self._file.run(partial(_counted, where=(*where, *until)))
            until = (now - old, _LAST_ROW)
            yield counted

    # --- notes and leases --------------------------------------------------------------------------------------------

    def read_note(self, name: str) -> str | None:
        """Read what was noted under a name; None if nothing was, or if it was damaged.

        Raises:
            StoreFault: it can't be told.
        """
        rows = self._file.run(lambda sql: sql.execute(_NOTE, (self._scope, name)).fetchall())
        if not rows:
            return None
        text, digest = rows[0]
        if digest != _digest(text):
            _seldom.warning("the note %r in %s is damaged, and as good as never written", name, self._file.path)
            return None
        return str(text)

    def write_note(self, name: str, text: str) -> None:
        """Note a text under a name, in place of what was there.

        Raises:
            StoreFault: it was not written.
        """
        self._file.run(lambda sql: sql.execute(_WRITE_NOTE, (self._scope, name, text, _digest(text))))

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        """Take a lease, or renew one's own: what it names is for its holder alone to do, for some seconds from now.

        False if another holds it, or if that can't be told. All who ask for one lease should ask for about as long.
        """

        def take(sql: sqlite3.Connection) -> bool:
            with _transaction(sql):  # nobody else reads or writes between our look and our word
                now = self._boot()
                held = sql.execute(_LEASE, (self._scope, name)).fetchall()
                # An end further off than anybody asks for is a clock's mistake.
                if held and held[0][0] != holder and now < held[0][1] <= now + seconds + _ODD:
                    return False
                sql.execute(_TAKE, (self._scope, name, holder, now + seconds))
                return True

        return self._tried(take, False)

    def close(self) -> None:
        """Let go of the file; from here on nothing is found or kept."""
        self._file.close()

    # --- the file ----------------------------------------------------------------------------------------------------

    def _tried(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        try:
            return self._file.run(work)
        except StoreFault:
            return otherwise

    def _tidy(self, sql: sqlite3.Connection) -> None:
        """Drop what is too old, of every scope, since some have nobody else to do it; and what is too much of ours."""
        now = self._boot()
        with _transaction(sql):
            scope = ""
            while (scope := sql.execute(_NEXT_SCOPE, (scope,)).fetchall()[0][0]) is not None:
                sql.execute(_DROP_OLD, (scope, now - self._max_age, _TIDY_MOST))
            surplus = sql.execute(_COUNT, (self._scope,)).fetchall()[0][0] - self._capacity
            if surplus > 0:
                sql.execute(_DROP_OLDEST, (self._scope, min(surplus, _TIDY_MOST)))


def _prepare(sql: sqlite3.Connection, *, boot_id: str) -> None:
    """Make the tables; and drop what was noted in another boot, whose clock says nothing about this one.

    Notes carry no moment, and stay: what a sweep hasn't read yet, it must still read.
    """
    with _transaction(sql):
        for statement in _TABLES.split(";\n"):
            sql.execute(statement)
        if sql.execute("SELECT word FROM boot_1").fetchall() != [(boot_id,)]:
            sql.execute("DELETE FROM snapshots_1")
            sql.execute("DELETE FROM leases_1")
            sql.execute("DELETE FROM boot_1")
            sql.execute("INSERT INTO boot_1 (word) VALUES (?)", (boot_id,))


@contextmanager
def _transaction(sql: sqlite3.Connection) -> Generator[None]:
    """Have the file to ourselves from here on; the file rolls back what isn't finished."""
    sql.execute("BEGIN IMMEDIATE")
    yield
    sql.execute("COMMIT")


def _so_many_on(sql: sqlite3.Connection, *, where: tuple[object, ...]) -> tuple[float, int] | None:
    """Find the row that comes after `_AT_ONCE` others, the youngest first; `None` if there are no more than those."""
    rows = sql.execute(_SO_MANY_ON, (*where, _AT_ONCE)).fetchall()
    return rows[0] if rows else None


def _counted(sql: sqlite3.Connection, *, where: tuple[object, ...]) -> int:
    return int(sql.execute(_COUNT_BETWEEN, where).fetchall()[0][0])


def _digest(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()
