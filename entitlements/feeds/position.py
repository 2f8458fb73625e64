"""How far the event list has been followed: what a sweep leaves for the next one, in whichever process that runs.

Two things keep it from jumping over an event. Events appear late, so a while before the newest one is looked at again;
and what the newest one is, is judged among those that are not in the future, where a test clock may have put some.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, Final, cast

from entitlements.stripe.strict_json import BadJson, loads

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KEPT", "OVERLAP", "Position", "advance"]

OVERLAP: Final = 60  # seconds within which an event appears in the list, or so we take it
_A_DAY: Final = 86_400
KEPT: Final = 29 * _A_DAY  # Stripe keeps events for 30 days; a day is left for clocks that differ
_QUIET: Final = 15 * _A_DAY  # after so long without an event, the position moves on by itself
_VERSION: Final = 1  # another when the types swept are others: what an older release passed over must be asked for
_MOST_IDS: Final = 2_000
_MOST_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the event list.

    Attributes:
        since: the second to ask from next time: whatever was created before it has been seen.
        last: the newest event seen, which the next round must find again; `None` if there was none.
        noticed: the second of wall time by which `last` had been seen.
        seen: the events seen from `since` on, newest first, as many as there is room for.

    >>> position = Position(1_700_000_000, "evt_1", 1_700_000_100, ("evt_1",))
    >>> Position.read(position.text(), now=1_700_000_200.0) == position
    True
    """

    since: int
    last: str | None = None
    noticed: int = 0
    seen: tuple[str, ...] = ()

    def text(self) -> str:
        """Write it down."""
        return json.dumps({"version": _VERSION, **asdict(self)}, separators=(",", ":"))

    @classmethod
    def read(cls, text: str | None, *, now: float) -> Position | None:
        """Read what was written down; `None` for nothing, and for what can't be relied on."""
        try:
            noted = loads((text or "").encode(errors="replace"))
        except BadJson:
            return None
        position = cls._of(cast("dict[str, object]", noted)) if isinstance(noted, dict) else None
        if position is None or position.since > now + OVERLAP:
            return None  # the clock was set back: which events lie between can't be told
        return position

    @classmethod
    def _of(cls, noted: Mapping[str, object]) -> Position | None:
        since, last, noticed, seen = (noted.get(name) for name in ("since", "last", "noticed", "seen"))
        if noted.get("version") != _VERSION or not (
            _is_second(since) and _is_second(noticed) and isinstance(seen, list)
        ):
            return None
        ids = cast("list[object]", seen)
        if not all(isinstance(each, str) for each in ids) or not (last is None or isinstance(last, str)):
            return None
        return cls(cast("int", since), last, cast("int", noticed), tuple(cast("list[str]", ids)))


def _is_second(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def advance(before: Position | None, asked: int, events: Mapping[str, int], *, began: float, now: float) -> Position:
    """Give the position after a round.

    Args:
        before: the position it set out from.
        asked: the second it asked from.
        events: all it read, seen before or not: ids, and the seconds they were created.
        began: wall time before it asked.
        now: wall time after it had read.
    """
    present = ((moment, each) for each, moment in events.items() if moment <= now)
    created, last = max(present, default=(asked, None))
    if created < now - _QUIET:  # move on, long before Stripe forgets what the position rests on
        return Position(int(now) - _A_DAY)
    if last is None:
        return Position(asked, seen=_remembered(events, asked))
    noticed = before.noticed if before is not None and before.last == last else math.ceil(now)
    # Once it has been known for as long as events may be late, nothing older is looked for again: or the burst before
    # a quiet night would be read again and again until morning.
    overlap = 0 if began - noticed >= OVERLAP else OVERLAP
    since = max(created - overlap, asked)
    return Position(since, last, noticed, _remembered(events, since))


def _remembered(events: Mapping[str, int], since: int) -> tuple[str, ...]:
    """Take the newest events, as many as there is room for; one that is forgotten costs a fetch when seen again."""
    newest = sorted(((moment, each) for each, moment in events.items() if moment >= since), reverse=True)
    ids = [each for _, each in newest[:_MOST_IDS]]
    sizes = accumulate(len(json.dumps(each)) + 1 for each in ids)
    return tuple(each for each, _ in takewhile(lambda sized: sized[1] <= _MOST_BYTES, zip(ids, sizes, strict=True)))
