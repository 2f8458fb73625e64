"""I1, R39, R40: whatever the processes are, none decides by what was true before an acknowledged change."""

from __future__ import annotations

import os

import pytest
from process_crowd import run

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform doesn't fork"),
    pytest.mark.timeout(300),
]
ON_A_PATH = [("run", True), ("fork", True), ("mp-fork", True), ("mp-spawn", True)]
WAYS = [("fork", False), ("mp-fork", False), *ON_A_PATH]
ways = pytest.mark.parametrize(("how", "shared"), WAYS, ids=lambda value: str(value).lower())


def assert_nothing_stale(report, changes, kills=0):
    """All that was to happen did, nobody decided by the past, and most decisions cost no fetch."""
    print(report)  # noqa: T201 - the figures are the proof: `make soak` shows them
    found = (report.violations, report.changes, report.kills, report.deaths, report.idle, report.wrong_at_last)
    assert found == ([], changes, kills, 0, 0, 0), report
    assert report.cached > max(10 * changes, 0.8 * report.decisions), report
    assert report.hot > 0.8 * report.decisions, report
    assert report.unsure < report.decisions / 1_000, report


@ways
def test_2_000_changes_among_8_processes_and_no_decision_rests_on_the_time_before(tmp_path, how, shared):
    """A change made known in any of the processes is known to all of them when it is acknowledged."""
    report = run(directory=str(tmp_path), how=how, shared=shared, changes=2_000)
    assert_nothing_stale(report, 2_000)


@pytest.mark.parametrize(("how", "shared"), [("run", True), ("fork", False)], ids=["run-true", "fork-false"])
def test_processes_killed_at_random_leave_nothing_stale_behind(tmp_path, how, shared):
    """R40: killed in mid-change a process acknowledges nothing; another makes the change known, and newcomers know."""
    report = run(directory=str(tmp_path), how=how, shared=shared, changes=2_000, kills=4)
    assert_nothing_stale(report, 2_000, kills=4)
    assert report.redone > 0


# --- the long proofs -------------------------------------------------------------------------------------------------


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(("how", "shared"), [*WAYS, ("mp-forkserver", True)], ids=lambda value: str(value).lower())
def test_100_000_changes_among_8_processes_and_no_decision_rests_on_the_time_before(tmp_path, how, shared):
    """The same, fifty times as long."""
    report = run(directory=str(tmp_path), how=how, shared=shared, changes=100_000)
    assert_nothing_stale(report, 100_000)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize(
    ("how", "shared", "kills"), [("run", True, 400), ("fork", True, 1_000), ("fork", False, 1_000)]
)
def test_processes_killed_at_random_among_100_000_changes(tmp_path, how, shared, kills):
    """The same, with hundreds killed."""
    report = run(directory=str(tmp_path), how=how, shared=shared, changes=100_000, kills=kills)
    assert_nothing_stale(report, 100_000, kills=kills)
    assert report.redone > 0
