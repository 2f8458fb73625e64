"""R39: a forked child sees what its parent makes known, and the parent what its child does; nothing is to be called."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform doesn't fork")

PRELUDE = """
import json, os, sys, threading, time
SHARED = {"shared_path": sys.argv[2]} if len(sys.argv) > 2 else {}
sys.path.insert(0, sys.argv[1])
import planted
if "PLANTED_BUG" in os.environ: planted.plant(os.environ["PLANTED_BUG"])
from controlled import Truth, HeldTruth
from entitlements import Entitlements, Limits

def in_child(work):
    # Run in a forked child; its pipes carry what it found, and when it may go on.
    down_r, down_w = os.pipe(); up_r, up_w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(down_w); os.close(up_r)
        try:
            work(lambda: os.read(down_r, 1), lambda found: os.write(up_w, json.dumps(found).encode() + b"\\n"))
        finally:
            os._exit(0)
    os.close(down_r); os.close(up_w)
    heard = os.fdopen(up_r)
    return (lambda: os.write(down_w, b"x")), (lambda: json.loads(heard.readline())), (lambda: os.waitpid(pid, 0))
"""


@pytest.fixture(name="run", params=["a table of their own", "a shared path"])
def _run(request, tmp_path):
    """Run a script whose instances rest on the table that forks inherit, and again on a host's."""
    shared = [str(tmp_path / "shared")] if request.param == "a shared path" else []
    return lambda script: run_script(script, *shared)


def run_script(script: str, *shared: str) -> object:
    support = str(Path(__file__).parent / "support")
    told = subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(script), support, *shared],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=os.environ,
    )
    assert told.returncode == 0, told.stderr
    return json.loads(told.stdout)


def test_a_child_sees_an_invalidation_made_in_its_parent(run):
    """A worker forked from a warm parent refuses from the moment the parent hears of a cancellation."""
    script = """
        truth = Truth({"cus_1": {"exports"}})
        ents = Entitlements(source=truth, **SHARED)
        assert ents.has_feature("cus_1", "exports")

        def work(wait, tell):
            tell(ents.has_feature("cus_1", "exports"))
            wait()
            truth.held["cus_1"] = set()
            tell(ents.has_feature("cus_1", "exports"))

        go, hear, end = in_child(work)
        before = hear()
        ents.invalidate("cus_1")
        go()
        print(json.dumps([before, hear()]))
        end()
    """
    assert run(script) == [True, False]


def test_a_parent_sees_an_invalidation_made_in_its_child(run):
    """Whichever worker gets the webhook, the others and the parent know at once."""
    script = """
        truth = Truth({"cus_1": {"exports"}})
        ents = Entitlements(source=truth, **SHARED)
        assert ents.has_feature("cus_1", "exports")

        def work(wait, tell):
            ents.invalidate("cus_1")
            tell("raised")

        go, hear, end = in_child(work)
        hear()
        truth.held["cus_1"] = set()
        print(json.dumps(ents.has_feature("cus_1", "exports")))
        end()
    """
    assert run(script) is False


def test_siblings_see_each_other(run):
    """Two workers of one parent share one table, whoever of them fetched last."""
    script = """
        truth = Truth({"cus_1": {"exports"}})
        ents = Entitlements(source=truth, **SHARED)

        def reader(wait, tell):
            tell(ents.has_feature("cus_1", "exports"))
            wait()
            truth.held["cus_1"] = set()
            tell(ents.has_feature("cus_1", "exports"))

        def hook(wait, tell):
            ents.invalidate("cus_1")
            tell("raised")

        go, hear, end = in_child(reader)
        before = hear()
        _, hear_hook, end_hook = in_child(hook)
        hear_hook(); end_hook()
        go()
        print(json.dumps([before, hear()]))
        end()
    """
    assert run(script) == [True, False]


def test_a_child_forked_in_mid_fetch_fetches_for_itself(run):
    """A flight belongs to the process that began it: its threads, locks and sockets are not in the child."""
    script = """
        truth = HeldTruth({"cus_1": {"exports"}})
        ents = Entitlements(source=truth, **SHARED, limits=Limits(deadline=1))
        asking = threading.Thread(target=ents.has_feature, args=("cus_1", "exports"))
        asking.start()
        truth.wait_until_asked()

        def work(wait, tell):
            truth.__init__(truth.held)
            truth.release()
            tell([ents.has_feature("cus_1", "exports"), ents.stats().flying])

        go, hear, end = in_child(work)
        print(json.dumps(hear()))
        end()
        truth.release()
        asking.join()
    """
    assert run(script) == [True, 0]


def test_children_forked_while_threads_ask_are_all_well(run):
    """Forking under load leaves no child with a lock that nobody will open."""
    script = """
        truth = Truth({f"cus_{n}": {"exports"} for n in range(50)})
        ents = Entitlements(source=truth, **SHARED, limits=Limits(requests_per_second=100_000))
        stop = threading.Event()

        def load():
            n = 0
            while not stop.is_set():
                n += 1
                ents.invalidate(f"cus_{n % 50}")
                ents.has_feature(f"cus_{n % 50}", "exports")

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads: thread.start()

        def work(wait, tell):
            tell(all(ents.check(f"cus_{n}", "exports", fresh=True) for n in range(10)))

        answers = []
        for _ in range(10):
            go, hear, end = in_child(work)
            answers.append(hear())
            end()
        stop.set()
        for thread in threads: thread.join()
        print(json.dumps(answers))
    """
    assert run(script) == [True] * 10


def test_a_child_forked_in_the_midst_of_the_first_load_is_well(run):
    """A fork waits for an import under way: a child never finds a module locked by a thread it doesn't have."""
    script = """
        from entitlements.emulator import StripeEmulator
        answers = []
        with StripeEmulator() as stripe:
            customer = stripe.customer()
            for delay in (0.0, 0.01, 0.05, 0.1, 0.2):
                parent, child = os.pipe()
                pid = os.fork()  # a process that has loaded nothing of the wire yet
                if pid == 0:
                    given = {"api_base": stripe.url, "strict": False, "limits": Limits(deadline=10), **SHARED}
                    ents = Entitlements(stripe.api_key, **given)
                    threading.Thread(target=ents.check, args=(customer, "x"), daemon=True).start()
                    time.sleep(delay)
                    grandchild = os.fork()
                    if grandchild == 0:
                        os.write(child, b"1" if ents.check(customer, "x").reason == "not_entitled" else b"0")
                        os._exit(0)
                    os.waitpid(grandchild, 0)
                    os._exit(0)
                os.close(child)
                answers.append(os.read(parent, 1).decode())
                os.waitpid(pid, 0)
        print(json.dumps(answers))
    """
    assert run(script) == ["1"] * 5


def test_a_child_notices_that_its_table_was_removed_though_nobody_fetches(tmp_path):
    """Rule 5: a worker forked from a warm parent answers from its parent's snapshots, and looks after its table too."""
    script = """
        import shutil
        truth = Truth({"cus_1": {"exports"}})
        ents = Entitlements(source=truth, **SHARED)
        assert ents.has_feature("cus_1", "exports")

        def work(wait, tell):
            tell(ents.has_feature("cus_1", "exports"))
            wait()
            truth.held["cus_1"] = set()
            until = time.monotonic() + 5
            while ents.has_feature("cus_1", "exports") and time.monotonic() < until: time.sleep(0.01)
            tell(ents.has_feature("cus_1", "exports"))

        go, hear, end = in_child(work)
        before = hear()
        ents.close()  # so that the parent looks no more: what it notices, it does for its children too
        shutil.rmtree(SHARED["shared_path"])
        go()
        print(json.dumps([before, hear()]))
        end()
    """
    assert run_script(script, str(tmp_path / "shared")) == [True, False]


def test_children_forked_while_threads_keep_snapshots_leave_the_file_whole(tmp_path):
    """R52: forked in whatever instant of a parent that reads and writes the host's file, no child harms it."""
    script = """
        truth = Truth({f"cus_{n}": {"exports"} for n in range(50)})
        ents = Entitlements(source=truth, **SHARED, limits=Limits(requests_per_second=100_000, deadline=10))
        stop = threading.Event()

        def load():
            n = 0
            while not stop.is_set():
                n += 1
                ents.refresh(f"cus_{n % 50}")

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads: thread.start()

        def work(wait, tell):
            for n in range(20): ents.refresh(f"cus_{n}")
            tell(all(ents.has_feature(f"cus_{n}", "exports") for n in range(20)))

        answers = []
        for _ in range(10):
            go, hear, end = in_child(work)
            answers.append(hear())
            end()
        stop.set()
        for thread in threads: thread.join()
        print(json.dumps([answers, ents.stats().failures]))
    """
    assert run_script(script, str(tmp_path / "shared")) == [[True] * 10, 0]
    with closing(sqlite3.connect(tmp_path / "shared" / "snapshots.db")) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (kept,) = file.execute("SELECT count(*) FROM snapshots_1").fetchone()
    assert kept == 50
