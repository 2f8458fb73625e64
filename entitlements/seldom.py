"""Log seldom: an outage must not become a flood."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

__all__ = ["Seldom"]


class Seldom:
    """Log at most one message of each kind in some seconds, and say how many were left out."""

    def __init__(self, log: logging.Logger, seconds: float = 10.0) -> None:
        self._log = log
        self._seconds = seconds
        self._last: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def warning(self, message: str, *args: object) -> None:
        """Log a warning, unless the same message was logged a moment ago."""
        now = time.monotonic()
        last = self._last.get(message)
        if last is not None and 0 <= now - last < self._seconds:
            self._left_out[message] = self._left_out.get(message, 0) + 1
            return
        self._last[message] = now
        more = self._left_out.pop(message, 0)
        self._log.warning(f"{message} (and %d more like this)" if more else message, *args, *([more] if more else []))
