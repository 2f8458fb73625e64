"""The bank of planted bugs: each one-line weakening is noticed by the tests that are there for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from planted import BANK, Bug

if TYPE_CHECKING:
    from collections.abc import Callable

    from planted_runner import Outcome

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("bug", BANK, ids=lambda bug: bug.name)
def test_the_bank_is_up_to_date(bug: Bug):
    """The line that a bug weakens stands in the code once, as it is written in the bank."""
    source = (ROOT / bug.module.replace(".", "/")).with_suffix(".py").read_text()
    assert source.count(bug.line) == 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", BANK, ids=lambda bug: bug.name)
def test_a_planted_bug_is_noticed(bug: Bug, bank: Callable[[Bug], Outcome]):
    """A careless line makes a test fail, and not merely the import."""
    told = bank(bug)
    assert (told.returncode, "1 failed" in told.stdout or "1 error" in told.stdout) == (1, True), told.stdout[-3000:]
    assert "ImportError" not in told.stdout
