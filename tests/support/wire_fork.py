"""A forked child that says whether something worked, and never outlives its test."""

from __future__ import annotations

import os
import signal
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["works_in_a_child"]

_PATIENCE = 10  # seconds


def works_in_a_child(question: Callable[[], bool]) -> bool:
    """Fork, ask the child, and give its answer; False if it raised, or never came to an answer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of a fork beside threads; it is what this is for
        child = os.fork()
    if child == 0:
        worked = False
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends a child that waits for a lock nobody holds
            signal.alarm(_PATIENCE)
            worked = question()
        finally:
            os._exit(0 if worked else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
