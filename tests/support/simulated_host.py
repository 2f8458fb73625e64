"""The simulated host: what its processes share, and what becomes of that when the machine goes down."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from simulated_ground import FileTable, ForkedTable, Rows, RowStore, SqliteStore
from simulated_process import Process

from entitlements.cache.ground import Ground

if TYPE_CHECKING:
    from simulated_world import World

    from entitlements.cache.host import HostStore

__all__ = ["Host"]

_PAGE = 4096
_MEMORY = "/dev/shm"  # where it is, the files of a simulated host need no disk


class Host:
    """One machine.

    Attributes:
        processes: those that run.
        boots: how often it was started, which names this boot.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.processes: list[Process] = []
        self.boots = 1
        self._started = 0
        self._directory = tempfile.mkdtemp(prefix="simulated-", dir=_MEMORY if os.path.isdir(_MEMORY) else None)  # noqa: PTH112 - a plain question
        self._rows = Rows()
        self._forked = ForkedTable(world)
        self.save()

    def close(self) -> None:
        """Remove what is on disk."""
        for process in self.processes:
            process.die()
        shutil.rmtree(self._directory)

    def ground(self, process: Process) -> Ground:
        """Give a process what it stands on."""
        climate = self._world.climate
        if not climate.shared:
            return Ground(self._forked)
        store = SqliteStore(process, self._directory) if climate.sqlite else RowStore(process, self._rows)
        return Ground(FileTable(process, self._directory), cast("HostStore", store))

    def able(self) -> list[Process]:
        """Name the processes that may run now."""
        return [process for process in self.processes if process.able]

    def start(self) -> None:
        """Start another process."""
        world = self._world
        account = "acct_two" if world.climate.accounts and world.random.random() < 0.5 else None
        self._started += 1
        process = Process(world, self._started, account, world.time.at)
        boots = self.boots
        with process.acting():
            process.boot()
            if self.boots == boots:
                self.processes.append(process)
            else:
                process.die()  # the host lost power while it started

    def bury(self) -> None:
        """Forget the dead."""
        self.processes = [process for process in self.processes if not process.dead]

    # --- the disk ----------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Have what is in memory written to disk: some of it is what is left when the power fails."""
        self._saved_rows = self._rows.copy()
        self._saved = {path.name: path.read_bytes() for path in Path(self._directory).iterdir()}

    def lose_a_snapshot(self) -> None:
        """Lose any snapshot."""
        if self._rows.snapshots:
            del self._rows.snapshots[self._world.random.choice(sorted(self._rows.snapshots))]

    def reboot(self) -> None:
        """Lose power, and start again with what the disk has."""
        world = self._world
        for process in self.processes:
            process.die()
        self.bury()
        world.time.reboot()
        self.boots += 1
        self._forked = ForkedTable(world)
        if world.random.random() < 0.5:
            self._rows = self._saved_rows.copy()
        for path in Path(self._directory).iterdir():
            path.write_bytes(self._left_of(path))
        world.checks.forgot_times()

    def _left_of(self, path: Path) -> bytes:
        """Say what a file holds after the loss: as it was, as it was saved, and of the table any page of either."""
        now, saved = path.read_bytes(), self._saved.get(path.name, b"")
        if path.name != "fences":
            return saved if self._world.random.random() < 0.5 else now
        left = bytearray(now)
        for slot in {0, *(subject.slot for subject in self._world.stripe.subjects)}:
            page = slice(slot * 8 // _PAGE * _PAGE, (slot * 8 // _PAGE + 1) * _PAGE)
            left[page] = self._world.random.choice((now, saved.ljust(len(now), b"\0"), bytes(len(now))))[page]
        return bytes(left)
