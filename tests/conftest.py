"""What every test is given: a planted bug if one is asked for, and the state of a new process."""

from __future__ import annotations

import os

import planted
import pytest
from planted_runner import Bank

if bug := os.environ.get("PLANTED_BUG"):
    planted.plant(bug)  # before anything of the library is imported


@pytest.fixture(autouse=True)
def _as_in_a_new_process():
    """Begin with new fence tables and nothing logged yet: what one test makes known must not settle in the next."""
    from entitlements import catalog, judge, observed  # not before a bug may be planted
    from entitlements.cache import engine, fences, host, host_file, lookout

    fences._shared = None
    fences._at.clear()
    for module in (catalog, judge, engine, host, host_file, lookout, observed):
        module._seldom._last.clear()
        module._seldom._left_out.clear()


BANK = pytest.StashKey[Bank]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to run what the bank is asked for beside everything else, which leaves a core free."""
    asked = [item.callspec.params["bug"] for item in session.items if "bank" in getattr(item, "fixturenames", ())]
    session.config.stash[BANK] = Bank(asked)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if bank := session.config.stash.get(BANK, None):
        bank.close()


@pytest.fixture(name="bank", scope="session")
def _bank(request: pytest.FixtureRequest):
    """Give what became of a planted bug's run, once it has ended."""
    return request.config.stash[BANK].outcome
