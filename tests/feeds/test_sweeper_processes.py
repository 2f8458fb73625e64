"""R39: a forked child sweeps if its parent did, when it is fit to; and no sweep keeps a process from leaving."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PRELUDE = """
import json, os, sys, threading, time
sys.path.insert(0, sys.argv[1])
import planted
if "PLANTED_BUG" in os.environ: planted.plant(os.environ["PLANTED_BUG"])
from controlled import wait_for
from entitlements.feeds.sweeper import Sweeper
from entitlements.forks import reset_in_child

made = []

def in_child(work):
    # Run in a forked child, whose last word is what it found.
    up, down = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            os.write(down, json.dumps(work()).encode())
        finally:
            os._exit(0)
    os.close(down)
    found = os.fdopen(up).read()
    os.waitpid(pid, 0)
    return json.loads(found)

def made_in_child():
    if not any(thread.name == "entitlements-sweep" for thread in threading.enumerate()):
        return False
    wait_for(lambda: os.getpid() in made)
    return True
"""


def run(script: str) -> object:
    support = str(Path(__file__).parent.parent / "support")
    told = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRELUDE + textwrap.dedent(script), support],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=os.environ,
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform doesn't fork")


@forking
def test_r39_a_child_sweeps_if_its_parent_did():
    """There is nothing to call after a fork; whoever was never started, or was closed, doesn't start in a child."""
    script = """
        runs = lambda deadline: made.append(os.getpid())
        started, idle, closed = (Sweeper(runs, interval=3600) for _ in range(3))
        found = [in_child(made_in_child)]
        closed.start(); wait_for(lambda: made); closed.close()
        found.append(in_child(made_in_child))
        made.clear(); started.start(); wait_for(lambda: made)
        found.append(in_child(made_in_child))
        found.append(in_child(lambda: in_child(made_in_child)))
        print(json.dumps(found))
    """
    assert run(script) == [False, False, True, True]


@forking
def test_r39_a_child_sweeps_only_when_everything_there_was_reset():
    """A round begun before could use a connection, or wait for a lock, that belongs to the parent."""
    script = """
        class Slow:
            fresh = True
            def reset(self):
                time.sleep(0.005)
                self.fresh = True

        everything = [Slow() for _ in range(20)]
        for each in everything: reset_in_child(each)
        stale = []

        def run(deadline):
            stale.append(sum(not each.fresh for each in everything))
            made.append(os.getpid())

        sweeper = Sweeper(run, interval=3600)
        sweeper.start(); wait_for(lambda: made)
        stale.clear()
        for each in everything: each.fresh = False
        print(json.dumps(in_child(lambda: [made_in_child(), stale])))
    """
    assert run(script) == [True, [0]]


@forking
def test_a_child_forked_in_the_midst_of_a_round_makes_its_own():
    """The parent's round isn't in the child, nor is what it was waiting for."""
    script = """
        held = threading.Event()

        def run(deadline):
            made.append(os.getpid())
            if len(made) == 1: held.wait(20)

        sweeper = Sweeper(run, interval=3600)
        sweeper.start(); wait_for(lambda: made)
        found = in_child(made_in_child)
        held.set()
        print(json.dumps(found))
    """
    assert run(script) is True


@forking
def test_r39_a_lock_that_was_held_in_the_parent_is_open_in_the_child():
    """Whoever forks while another thread starts or wakes the sweeper has a child that sweeps, and that can be woken."""
    script = """
        sweeper = Sweeper(lambda deadline: made.append(os.getpid()), interval=3600)
        sweeper.start(); wait_for(lambda: made)

        def work():
            threading.Timer(20, os._exit, [1]).start()
            wait_for(lambda: made.count(os.getpid()) == 1)
            sweeper.start(); sweeper.wake()
            wait_for(lambda: made.count(os.getpid()) == 2)
            return True

        with sweeper._lock, sweeper._bell._rung._cond:
            print(json.dumps(in_child(work)))
    """
    assert run(script) is True


def test_the_process_ends_while_a_round_hangs():
    """R98: a sweep that waits for Stripe keeps nobody from leaving."""
    script = """
        sweeper = Sweeper(lambda deadline: (made.append(1), time.sleep(600)), interval=3600)
        sweeper.start(); wait_for(lambda: made)
        print(json.dumps("left"))
    """
    assert run(script) == "left"
