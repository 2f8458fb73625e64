"""The ground a process stands on: its fence table, and what its host keeps for all processes, if there is such."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entitlements.cache.exchange import Store
    from entitlements.cache.fences import Fences

__all__ = ["Ground"]


@dataclass(frozen=True, slots=True)
class Ground:
    """What answers rest on.

    Attributes:
        fences: the table of tokens.
        store: the snapshots of this host's processes; `None` where nothing is shared but the table.
    """

    fences: Fences
    store: Store | None = None
