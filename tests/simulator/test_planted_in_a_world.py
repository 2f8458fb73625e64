"""The simulator has teeth: each one-line weakening of the core breaks a promise in some simulated world."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from planted_simulated import SIMULATED

if TYPE_CHECKING:
    from planted import Bug

ROOT = Path(__file__).parent.parent.parent
STEPS = 5_000
IDS = [bug.name for bug in SIMULATED]


def world(bug: Bug, seed: int, seconds: float = 0.0) -> subprocess.CompletedProcess[str]:
    """Run a world with a bug in the core, in a process of its own; then others, for so many seconds."""
    script = ROOT / "tests/support/simulated_run.py"
    return subprocess.run(
        [sys.executable, script, str(seed), str(STEPS), str(seconds)],
        env={**os.environ, "PLANTED_BUG": bug.name, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.fixture(name="weakened", scope="module")
def _weakened(request: pytest.FixtureRequest):
    """Run what was asked for, as many at a time as there are cores."""
    chosen = [item.callspec.params["bug"] for item in request.session.items if "weakened" in item.fixturenames]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {bug.name: pool.submit(world, bug, int(bug.killed_by)) for bug in chosen}
        pool.shutdown(cancel_futures=True)


def test_there_are_enough_of_them():
    """The issue asks for twenty."""
    assert len({bug.name for bug in SIMULATED}) == len(SIMULATED) >= 20


@pytest.mark.parametrize("bug", SIMULATED, ids=IDS)
def test_the_bank_is_up_to_date(bug: Bug):
    """The line that a bug weakens stands in the code once, as it is written in the bank."""
    source = (ROOT / bug.module.replace(".", "/")).with_suffix(".py").read_text()
    assert source.count(bug.line) == 1


@pytest.mark.timeout(200)
@pytest.mark.parametrize("bug", SIMULATED, ids=IDS)
def test_a_planted_bug_breaks_a_promise(bug: Bug, weakened: dict[str, Future[subprocess.CompletedProcess[str]]]):
    """The world of the seed noted beside it breaks a promise, within two seconds."""
    told = weakened[bug.name].result()
    found = re.match(r"seed \d+, ([\d.]+) s: process", told.stdout)
    assert (told.returncode, found is not None) == (1, True), told.stdout[-500:] + told.stderr[-1_500:]
    assert float(found[1]) < 2


@pytest.mark.soak
@pytest.mark.timeout(200)
@pytest.mark.parametrize("bug", SIMULATED, ids=IDS)
def test_a_planted_bug_breaks_a_promise_in_worlds_nobody_has_seen(bug: Bug):
    """From a random seed on, it takes a minute at most."""
    told = world(bug, random.SystemRandom().randrange(2**40), seconds=60)
    print(f"{bug.name}: {told.stdout[:160].strip()}")  # noqa: T201 - the figures of the soak
    assert told.returncode == 1, told.stdout[-500:] + told.stderr[-1_500:]
