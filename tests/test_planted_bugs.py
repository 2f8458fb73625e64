"""The bank of planted bugs: each one-line weakening is noticed by the tests that are there for it."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from planted import BANK, Bug

ROOT = Path(__file__).parent.parent


@pytest.fixture(name="runs", scope="module")
def _runs(request: pytest.FixtureRequest):
    """Begin the run of every bug that was asked for at once, as many at a time as there are cores."""
    chosen = [item.callspec.params["bug"] for item in request.session.items if "runs" in item.fixturenames]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {bug.name: pool.submit(run, bug) for bug in chosen}
        pool.shutdown(cancel_futures=True)


def run(bug: Bug) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--timeout=20", bug.killed_by]
    planted = {**os.environ, "PLANTED_BUG": bug.name}
    return subprocess.run(command, cwd=ROOT, env=planted, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("bug", BANK, ids=lambda bug: bug.name)
def test_the_bank_is_up_to_date(bug: Bug):
    """The line that a bug weakens stands in the code once, as it is written in the bank."""
    source = (ROOT / bug.module.replace(".", "/")).with_suffix(".py").read_text()
    assert source.count(bug.line) == 1


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bug", BANK, ids=lambda bug: bug.name)
def test_a_planted_bug_is_noticed(bug: Bug, runs: dict[str, Future[subprocess.CompletedProcess[str]]]):
    """A careless line makes a test fail, and not merely the import."""
    told = runs[bug.name].result()
    assert (told.returncode, "1 failed" in told.stdout or "1 error" in told.stdout) == (1, True), told.stdout[-3000:]
    assert "ImportError" not in told.stdout
