"""The bank of planted bugs: each one-line weakening is noticed by the tests that are there for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from planted import BANK, Bug

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("bug", BANK, ids=lambda bug: bug.name)
def test_a_planted_bug_is_noticed(bug: Bug):
    """A careless line makes a test fail, and not merely the import."""
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--timeout=20", bug.killed_by],
        cwd=ROOT,
        env={**os.environ, "PLANTED_BUG": bug.name},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "the bank is out of date" not in told.stdout + told.stderr, bug.line
    assert (told.returncode, "1 failed" in told.stdout or "1 error" in told.stdout) == (1, True), told.stdout[-3000:]
    assert "ImportError" not in told.stdout
