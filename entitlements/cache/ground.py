"""The ground a process stands on: its fence table, and what its host keeps for all processes, if there is such."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from entitlements.cache.fences import fences_at, shared_fences
from entitlements.forks import first_load

if TYPE_CHECKING:
    from entitlements.cache.fences import Fences
    from entitlements.cache.host import HostStore
    from entitlements.cache.seams import Seams

__all__ = ["Ground", "ground_at"]

_SNAPSHOTS_KEPT: Final = 1_000_000  # some 300 bytes each, on disk


@dataclass(frozen=True, slots=True)
class Ground:
    """What answers rest on.

    Attributes:
        fences: the table of tokens.
        store: the snapshots of this host's processes; `None` where nothing is shared but the table.
    """

    fences: Fences
    store: HostStore | None = None


def ground_at(shared_path: str | None, *, scope: str, seams: Seams, max_age: float) -> Ground:
    """Find the ground that this process shares with its forks or, at a path, with every process of this host.

    Raises:
        InvalidSettings: what is at the path isn't this user's alone, or isn't this library's.
    """
    if shared_path is None:
        return Ground(shared_fences())
    fences = fences_at(shared_path)
    with first_load:
        from entitlements.cache.host import HostStore  # noqa: PLC0415 - loads SQLite

        store = HostStore(
            shared_path, scope=scope, boot=seams.boot, wall=seams.wall, capacity=_SNAPSHOTS_KEPT, max_age=max_age
        )
    return Ground(fences, store)
