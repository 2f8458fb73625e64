"""Billing periods: when the next one begins, by the calendar."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta

__all__ = ["period_end"]

_MONTHS = {"month": 1, "year": 12}
_DAYS = {"day": 1, "week": 7}


def period_end(anchor: int, now: int, interval: str, count: int = 1) -> tuple[int, int]:
    """Find the start and end of the period that holds `now`, counted from the anchor.

    The day of the month is the anchor's, or the month's last: 31 January, 28 February, 31 March.

    >>> from datetime import UTC, datetime
    >>> day = lambda *date: int(datetime(*date, tzinfo=UTC).timestamp())
    >>> period_end(day(2026, 1, 31), day(2026, 3, 1), "month") == (day(2026, 2, 28), day(2026, 3, 31))
    True
    """
    turn = _rough(anchor, now, interval, count)
    while _after(anchor, interval, count * (turn + 1)) <= now:
        turn += 1
    return _after(anchor, interval, count * turn), _after(anchor, interval, count * (turn + 1))


def _rough(anchor: int, now: int, interval: str, count: int) -> int:
    """Count periods that have surely passed, so that a decade of days isn't walked one by one."""
    longest = _DAYS[interval] if interval in _DAYS else _MONTHS[interval] * 31
    return max(0, (now - anchor) // (longest * count * 86_400))


def _after(anchor: int, interval: str, units: int) -> int:
    start = datetime.fromtimestamp(anchor, UTC)
    if interval in _DAYS:
        return int((start + timedelta(days=_DAYS[interval] * units)).timestamp())
    month = start.month - 1 + _MONTHS[interval] * units
    year, month = start.year + month // 12, month % 12 + 1
    return int(start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1])).timestamp())
