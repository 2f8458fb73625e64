"""The bank of planted bugs: each one-line weakening is noticed by the tests that are there for it."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest
from planted import BANK, Bug
from planted_runner import Outcome, Runner

ROOT = Path(__file__).parent.parent


@pytest.fixture(name="runs", scope="module")
def _runs(request: pytest.FixtureRequest):
    """Begin the run of every bug that was asked for at once, as many at a time as there are cores."""
    chosen = [item.callspec.params["bug"] for item in request.session.items if "runs" in item.fixturenames]
    runners = [Runner() for _ in range(os.cpu_count() or 1)]
    free: SimpleQueue[Runner] = SimpleQueue()
    for runner in runners:
        free.put(runner)

    def run(bug: Bug) -> Outcome:
        runner = free.get()
        try:
            return runner.run(bug.name, bug.killed_by)
        finally:
            free.put(runner)

    with ThreadPoolExecutor(len(runners)) as pool:
        yield {bug.name: pool.submit(run, bug) for bug in chosen}
        pool.shutdown(cancel_futures=True)
    for runner in runners:
        runner.close()


@pytest.mark.parametrize("bug", BANK, ids=lambda bug: bug.name)
def test_the_bank_is_up_to_date(bug: Bug):
    """The line that a bug weakens stands in the code once, as it is written in the bank."""
    source = (ROOT / bug.module.replace(".", "/")).with_suffix(".py").read_text()
    assert source.count(bug.line) == 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize("bug", BANK, ids=lambda bug: bug.name)
def test_a_planted_bug_is_noticed(bug: Bug, runs: dict[str, Future[Outcome]]):
    """A careless line makes a test fail, and not merely the import."""
    told = runs[bug.name].result()
    assert (told.returncode, "1 failed" in told.stdout or "1 error" in told.stdout) == (1, True), told.stdout[-3000:]
    assert "ImportError" not in told.stdout
