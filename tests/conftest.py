"""What every test is given: a planted bug if one is asked for, and a fence table of its own."""

from __future__ import annotations

import os

import planted
import pytest

if bug := os.environ.get("PLANTED_BUG"):
    planted.plant(bug)  # before anything of the library is imported


@pytest.fixture(autouse=True)
def _fences_of_its_own():
    """Begin with a new fence table: a change made known by one test must not settle in the next."""
    from entitlements.cache import fences

    fences._shared = None
