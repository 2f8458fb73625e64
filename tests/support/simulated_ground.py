"""What a simulated process shares with others: the real fence table and store, with points between their steps.

A store in memory stands in for SQLite in most worlds: it is faster, and forgets less after a reboot than it may.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from entitlements.cache.fence_file import FileFences
from entitlements.cache.fences import Fences
from entitlements.cache.host import HostStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulated_process import Process
    from simulated_world import World

    from entitlements.cache.envelope import Stored

__all__ = ["FileTable", "ForkedTable", "RowStore", "Rows", "SqliteStore"]

_CAPACITY = 1_000


class _Table(Fences):
    """A table whose promises are noted."""

    world: World

    def swept(self, sweep: int, *, began: float, good_for: float) -> None:
        super().swept(sweep, began=began, good_for=good_for)
        assert self.world.running is not None
        self.world.checks.swept(self.world.running)

    def raise_(self, slot: int, *, settled: bool = False) -> float:
        if self.world.running is not None:
            self.world.running.raised += 1
        return super().raise_(slot, settled=settled)

    def raise_all(self) -> None:
        super().raise_all()
        self.world.seen["gaps"] += 1
        self.world.checks.forgot_times()


class ForkedTable(_Table):
    """The table that processes have in common which were forked from one."""

    def __init__(self, world: World) -> None:
        self.world = world
        super().__init__(wall=self._world_s_wall, entropy=self._world_s_entropy)

    def _world_s_wall(self) -> float:
        return self.world.running.wall() if self.world.running else self.world.time.wall()

    def _world_s_entropy(self, size: int) -> bytes:
        return (self.world.running.entropy if self.world.running else self.world.random.randbytes)(size)


class FileTable(_Table, FileFences):
    """One process's way to the table that a host keeps in a file."""

    def __init__(self, process: Process, directory: str) -> None:
        self.world = process.world
        super().__init__(directory, boot=process.world.host.boots, wall=process.wall, entropy=process.entropy)


class SqliteStore(HostStore):
    """One process's way to the host's SQLite file. Nobody else runs while it is in a transaction."""

    def __init__(self, process: Process, directory: str) -> None:
        world = process.world
        super().__init__(
            directory,
            scope=process.scope,
            boot=world.time.boot,
            wall=world.time.wall,
            capacity=_CAPACITY,
            max_age=world.climate.freshness.max_stale,
            boot_id=world.host.boots,
        )
        self._point = process.point

    def recall(self, customer: str) -> Stored | None:
        self._point()
        stored = super().recall(customer)
        self._point()
        return stored

    def keep(self, stored: Stored) -> None:
        self._point()
        super().keep(stored)
        self._point()

    def read_note(self, name: str) -> str | None:
        self._point()
        text = super().read_note(name)
        self._point()
        return text

    def write_note(self, name: str, text: str) -> None:
        self._point()
        super().write_note(name, text)
        self._point()

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        self._point()
        taken = super().lease(name, holder, seconds)
        self._point()
        return taken


@dataclass
class Rows:
    """What a store in memory holds, for all processes."""

    snapshots: dict[tuple[str, str], Stored] = field(default_factory=dict)
    notes: dict[tuple[str, str], str] = field(default_factory=dict)
    leases: dict[tuple[str, str], tuple[str, float]] = field(default_factory=dict)

    def copy(self) -> Rows:
        return Rows(dict(self.snapshots), dict(self.notes), dict(self.leases))


class RowStore:
    """One process's way to a store in memory, which keeps to what `HostStore` promises and no more."""

    def __init__(self, process: Process, rows: Rows) -> None:
        self._rows = rows
        self._scope = process.scope
        self._boot = process.world.time.boot
        self._point = process.point

    def recall(self, customer: str) -> Stored | None:
        self._point()
        stored = self._rows.snapshots.get((self._scope, customer))
        self._point()
        return stored

    def keep(self, stored: Stored) -> None:
        self._point()
        self._rows.snapshots[stored.scope, stored.customer] = stored
        self._point()

    def counts(self, ages: Sequence[float]) -> Iterator[int]:
        now = self._boot()
        ours = [stored.boot for (scope, _), stored in self._rows.snapshots.items() if scope == self._scope]
        for age in ages:
            yield sum(boot > now - age for boot in ours)

    def read_note(self, name: str) -> str | None:
        self._point()
        text = self._rows.notes.get((self._scope, name))
        self._point()
        return text

    def write_note(self, name: str, text: str) -> None:
        self._point()
        self._rows.notes[self._scope, name] = text
        self._point()

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        self._point()
        now = self._boot()
        other, until = self._rows.leases.get((self._scope, name), (holder, now))
        if other != holder and now < until:
            return False
        self._rows.leases[self._scope, name] = (holder, now + seconds)
        self._point()
        return True

    def close(self) -> None:
        pass


Store: TypeAlias = "SqliteStore | RowStore"
