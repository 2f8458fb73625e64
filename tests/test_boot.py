"""R25: every process of a boot gives it one name, and counts its seconds by one clock that doesn't stop."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from host_processes import running

from entitlements.boot import this_boot
from entitlements.clocks import boot_now


def test_every_process_gives_this_boot_the_same_name():
    """A file that one process prepared is of this boot for the next; 0 is no name, since it stands in a new file."""
    with running("from entitlements.boot import this_boot; tell(this_boot())") as [process]:
        assert int(process.hear()) == this_boot()
    assert 0 < this_boot() < 2**64


def test_every_process_counts_by_one_clock():
    """A moment noted in one process is in the past of another that is asked later."""
    with running("from entitlements.clocks import boot_now; tell(repr(boot_now()))") as [process]:
        before = boot_now()
        theirs = float(process.hear())
    assert theirs < boot_now() < theirs + 60
    assert before < boot_now()


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_the_boot_clock_counts_from_the_start_of_the_machine():
    """Sleep included: a machine that was woken knows how old everything is."""
    assert boot_now() == pytest.approx(float(Path("/proc/uptime").read_text().split()[0]), abs=5)
