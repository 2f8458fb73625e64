"""What the kernel knows of processes: their children, their threads, their connections."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

__all__ = ["children", "connections", "shared", "threads"]

_PROC = Path("/proc")


def children(parent: int) -> set[int]:
    """Find a process's living children."""
    found: set[int] = set()
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):  # it is gone by now
                state, ppid = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if int(ppid) == parent and state != "Z":
                    found.add(int(entry.name))
    return found


def threads(pid: int) -> set[int]:
    """Find the ids of a process's threads."""
    return {int(task.name) for task in (_PROC / str(pid) / "task").iterdir()}


def connections(pid: int, port: int) -> set[str]:
    """Find a process's connections to a port of this machine, by inode: two who have one of them share it."""
    held: set[str] = set()
    for descriptor in (_PROC / str(pid) / "fd").iterdir():
        with suppress(OSError):  # closed by now
            held.add(str(descriptor.readlink()))
    rows = [row.split() for row in (_PROC / "net" / "tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if int(row[2].rpartition(":")[2], 16) == port and f"socket:[{row[9]}]" in held}


def shared(things: dict[int, set[str]] | dict[int, set[int]]) -> dict[object, list[int]]:
    """Find what more than one process has, and which have it."""
    owners: dict[object, list[int]] = {}
    for pid, those in things.items():
        for each in those:
            owners.setdefault(each, []).append(pid)
    return {each: pids for each, pids in owners.items() if len(pids) > 1}
