"""A host as its processes see it: a directory, two clocks, and stores as many as a test likes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from controlled import Clock

from entitlements.cache.envelope import Stored
from entitlements.cache.host import HostStore

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MOMENT", "World", "count"]

MOMENT = 1_795_000_000.0


class World:
    """A directory, two clocks, and the stores of as many processes as a test likes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.boot, self.wall = Clock(5_000.0), Clock(MOMENT)
        self._opened: list[HostStore] = []

    def store(
        self, scope: str = "self/live", *, capacity: int = 1_000, max_age: float = 86_400, boot_id: int = 1
    ) -> HostStore:
        store = HostStore(
            self.directory,
            scope=scope,
            boot=self.boot,
            wall=self.wall,
            capacity=capacity,
            max_age=max_age,
            boot_id=boot_id,
        )
        self._opened.append(store)
        return store

    def snapshot(self, customer: str = "cus_1", *features: str, scope: str = "self/live") -> Stored:
        """Make what a fetch that begins now learns."""
        return Stored(scope, customer, frozenset(features), 1.5e300, self.boot(), self.wall(), 300.0)

    def tick(self, seconds: float) -> None:
        self.boot.tick(seconds)
        self.wall.tick(seconds)

    @property
    def path(self) -> Path:
        return self.directory / "snapshots.db"

    def sql(self, statement: str, *values: object) -> list[object]:
        """Do as somebody else might who has the file open."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            return connection.execute(statement, values).fetchall()

    def close(self) -> None:
        for store in self._opened:
            store.close()


def count(store: HostStore, younger_than: float) -> int:
    """Count a store's customers whose fetch began less than so many seconds ago."""
    return next(store.counts([younger_than]))
