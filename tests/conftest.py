"""What every test is given: a planted bug if one is asked for, and the state of a new process."""

from __future__ import annotations

import os

import planted
import pytest

if bug := os.environ.get("PLANTED_BUG"):
    planted.plant(bug)  # before anything of the library is imported


@pytest.fixture(autouse=True)
def _as_in_a_new_process():
    """Begin with new fence tables and nothing logged yet: what one test makes known must not settle in the next."""
    from entitlements import catalog, judge  # not before a bug may be planted
    from entitlements.cache import engine, fences, host, host_file

    fences._shared = None
    fences._at.clear()
    for module in (catalog, judge, engine, host, host_file):
        module._seldom._last.clear()
        module._seldom._left_out.clear()
