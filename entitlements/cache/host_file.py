"""The host's SQLite file: opened, used in turn, left alone by forks, and begun anew when it is broken.

Nothing in it can't be had again, so whatever goes wrong is one kind of error, and the caller does without.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from entitlements.cache.private_files import check_file, lock, open_directory, unlock
from entitlements.errors import InvalidSettings
from entitlements.forks import first_load, reset_in_child, wait_before_fork
from entitlements.seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HostFile", "StoreFault"]

T = TypeVar("T")

_NAME: Final = "snapshots.db"
_ASIDE: Final = f"{_NAME}.broken"
_PATIENCE: Final = 0.1  # seconds to wait for another process
_SETTING_UP: Final = 10.0  # and so many before anything is asked
_REST: Final = 1.0  # seconds after a fault in which nothing is tried: a file that hangs must not hold up every question
_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_TRIES: Final = 3
_seldom = Seldom(logging.getLogger("entitlements"))

_the_parents: Final[list[sqlite3.Connection]] = []
"""Connections that this process was forked with, kept so that they are never closed. What SQLite knows of a file's
locks it knows of the process that took them: a child that used or closed them would go by what isn't so."""


class StoreFault(OSError):
    """The host's store can't be used just now: it is locked, full, failing or closed."""


class _BrokenError(StoreFault):
    """The file is no database any more."""


class HostFile:
    """One connection to `snapshots.db`, for the threads of one process in turn.

    Args:
        directory: where it is, by its one name.
        prepare: called with each new connection, to make sure of its tables.
        clock: seconds, to rest by.

    Raises:
        InvalidSettings: the directory or the file isn't this user's alone.
    """

    _connection: sqlite3.Connection | None = None
    _folder: int = -1

    def __init__(
        self, directory: str, prepare: Callable[[sqlite3.Connection], object], clock: Callable[[], float]
    ) -> None:
        self.path: Final = os.path.join(directory, _NAME)  # noqa: PTH118 - see `private_files`
        self._closed = False
        self._directory = directory
        self._prepare = prepare
        self._clock = clock
        self._identity = (0, 0)
        self._fault = ""
        self._fault_at = float("-inf")
        # A fork waits for this. SQLite has locks for the whole process, and a child forked while any thread is inside
        # it would find them taken for good, by nobody.
        self._turn = threading.RLock()
        self._busy = False
        self._check()
        wait_before_fork(self._turn)
        reset_in_child(self)

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do some work on the connection; if the file turns out to be broken, on a new file.

        Raises:
            StoreFault: it can't be done.
        """
        complaints: list[tuple[object, ...]] = []
        try:
            with self._turn:
                return self._in_turn(work, complaints)
        finally:
            for message, *details in complaints:  # not before the lock is free: logging waits for locks of its own
                _seldom.warning(str(message), *details)

    def close(self) -> None:
        """Let go of the file for good; safe to call twice."""
        with self._turn:
            self._closed = True
            if not self._busy:
                self._let_go()

    def reset(self) -> None:
        """Leave the parent's connection alone, as a forked child must; the next use opens one of its own."""
        if self._connection is not None:
            _the_parents.append(self._connection)
            self._connection = None
        self._let_go()

    def __del__(self) -> None:
        self._let_go()

    # --- one piece of work -------------------------------------------------------------------------------------------

    def _in_turn(self, work: Callable[[sqlite3.Connection], T], complaints: list[tuple[object, ...]]) -> T:
        self._refuse()
        self._busy = True
        try:
            try:
                return self._work(work)
            except _BrokenError as broken:
                complaints.append(
                    ("%s: it is set aside as %s, and begun anew; that costs fetches", str(broken), _ASIDE)
                )
                self._set_aside()
                return self._work(work)
        except (OSError, InvalidSettings) as fault:
            self._fault, self._fault_at = str(fault), self._clock()
            complaints.append(("the host's store can't be used just now, and is done without: %s", self._fault))
            raise StoreFault(self._fault) from fault
        finally:
            self._busy = False

    def _refuse(self) -> None:
        if self._closed:
            raise StoreFault(f"{self.path} was closed")
        if self._busy:  # a signal's handler, or a finalizer, that runs in the midst of another piece of work
            raise StoreFault(f"{self.path} is in use on this very thread")
        if 0 <= self._clock() - self._fault_at < _REST:
            raise StoreFault(f"a moment ago: {self._fault}")

    def _work(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._taken()
        try:
            return work(connection)
        except sqlite3.Error as error:
            raise _named(self.path, error) from error
        finally:
            with contextlib.suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.rollback()
            unlock(self._folder)

    def _taken(self) -> sqlite3.Connection:
        """Have the directory locked with all who are at work, and a connection to the file that is in it.

        Who sets a broken file aside locks them out. The old file must not be written to from then on: SQLite would keep
        the journal of that under the name that belongs to the new one's.
        """
        for _ in range(_TRIES):
            connection = self._connection or self._opened()
            lock(self._folder, shared=True, patience=_PATIENCE)
            if self._in_place():
                return connection
            self._let_go()  # somebody set it aside, or removed it
        raise StoreFault(f"{self.path} is replaced again and again")

    def _in_place(self) -> bool:
        try:
            found = os.lstat(self.path)
        except OSError:
            return False
        return (found.st_ino, found.st_dev) == self._identity

    # --- opening, and beginning anew ---------------------------------------------------------------------------------

    def _check(self) -> None:
        """Refuse at once what can't be right; what may be a passing fault shows when the store is used."""
        with first_load:  # and a fork waits: a child must not keep the directory locked
            folder = open_directory(self._directory)
            try:
                lock(folder, patience=_SETTING_UP)
                self._made(folder)
            except OSError as error:
                reason = error.strerror or error
                raise InvalidSettings(
                    f"{self.path} can't be made ({reason}): mend that, or give shared_path another directory"
                ) from error
            finally:
                unlock(folder)
                os.close(folder)

    def _made(self, folder: int) -> os.stat_result:
        """Make sure that the file is there and is ours, without ever opening one that may be in use.

        Closing any descriptor of a file drops all of this process's POSIX locks on it, those of SQLite's included.
        """
        with contextlib.suppress(FileExistsError):
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            os.close(os.open(_NAME, flags, 0o600, dir_fd=folder))
        found = os.stat(_NAME, dir_fd=folder, follow_symlinks=False)
        check_file(found, self.path)
        return found

    def _opened(self) -> sqlite3.Connection:
        self._folder = open_directory(self._directory)
        try:
            lock(self._folder, patience=_PATIENCE)
            found = self._made(self._folder)
            self._identity = (found.st_ino, found.st_dev)
            self._connection = self._connected()
        except BaseException:
            unlock(self._folder)
            self._let_go()
            raise
        unlock(self._folder)
        return self._connection

    def _connected(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = None
        try:
            # `rw`: SQLite itself never makes the file. Threads take turns by our lock.
            uri = f"{Path(self.path).as_uri()}?mode=rw"
            connection = sqlite3.connect(
                uri, uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            # No WAL: SQLite 3.7.0 to 3.51.2 may lose or corrupt what is in it. An empty journal is read faster than one
            # that is kept (PERSIST), and recalling is what an answer waits for.
            connection.execute("PRAGMA journal_mode = TRUNCATE").fetchall()
            # Never wait for the disk. A process may be killed at any moment, and the system still has all it wrote;
            # after a loss of power it is another boot, in which no row counts.
            connection.execute("PRAGMA synchronous = OFF").fetchall()
            self._prepare(connection)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.Error):
                raise _named(self.path, error) from error
            raise
        return connection

    def _set_aside(self) -> None:
        self._let_go()
        folder = open_directory(self._directory)
        try:
            lock(folder, patience=_PATIENCE)
            if self._in_place():  # nobody else did
                with contextlib.suppress(FileNotFoundError):  # first: a new file must not find the old one's journal
                    os.unlink(f"{_NAME}-journal", dir_fd=folder)
                os.replace(_NAME, _ASIDE, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            unlock(folder)
            os.close(folder)

    def _let_go(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if self._folder >= 0:
            with contextlib.suppress(OSError):
                os.close(self._folder)
            self._folder = -1


def _named(path: str, error: sqlite3.Error) -> StoreFault:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest says more precisely what
    return (_BrokenError if code in _BROKEN else StoreFault)(f"{path}: {error}")
