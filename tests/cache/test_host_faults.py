"""R39, R52: whatever happens to the host's store, to its file or to its processes, no question hears of it."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from controlled import Ask
from host_processes import running
from host_world import World, count
from wire_fork import works_in_a_child

from entitlements.cache.host import HostStore, StoreFault


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path / "shared")
    yield world
    world.close()


# --- faults ---------------------------------------------------------------------------------------------------------


def found_none(store: HostStore, world: World) -> bool:
    """Try everything; say whether nothing was found or kept, and nothing raised but where that is said."""
    store.keep(world.snapshot("cus_new"))
    nothing = (store.recall("cus_1"), store.recall("cus_new"), store.lease("sweep", "me", 10)) == (None, None, False)
    for noting in (lambda: store.read_note("position"), lambda: store.write_note("position", "evt_2")):
        with pytest.raises(StoreFault):
            noting()
    return nothing


def test_r52_a_locked_file_is_a_miss(world, caplog):
    """Who can't have the file within a tenth of a second does without, and is not asked to wait again at once."""
    store = world.store()
    kept = world.snapshot()
    store.keep(kept)
    store.write_note("position", "evt_1")
    with closing(sqlite3.connect(world.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreFault):
            count(store, 60)
        assert found_none(store, world)
    assert [record.message for record in caplog.records] == [
        f"the host's store can't be used just now, and is done without: {world.path}: database is locked"
    ]
    assert store.recall("cus_1") is None  # it rests
    world.tick(1)
    assert (store.recall("cus_1"), store.read_note("position"), count(store, 60)) == (kept, "evt_1", 1)


def test_a_fault_of_a_note_says_what_it_is(world):
    """Who relies on a note learns why it wasn't written, the second time too."""
    store = world.store()
    store.write_note("position", "evt_1")
    with closing(sqlite3.connect(world.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for told in (f"{world.path}: database is locked", f"a moment ago: {world.path}: database is locked"):
            with pytest.raises(StoreFault) as fault:
                store.write_note("position", "evt_2")
            assert str(fault.value) == told


def test_r52_a_full_disk_is_a_miss(world):
    """What there is no room for isn't kept; what was kept before is still there, and room makes it well again."""

    def does_without() -> bool:
        import resource

        store = world.store()
        kept = world.snapshot()
        store.keep(kept)
        size = world.path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        for number in range(20):
            world.tick(1)
            store.keep(world.snapshot(f"cus_{number}", "x" * 3_000))
        world.tick(1)
        with pytest.raises(StoreFault):
            store.write_note("position", "x" * 100_000)
        world.tick(1)
        there = store.recall("cus_1") is not None
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        world.tick(1)
        store.write_note("position", "x" * 100_000)
        store.keep(later := world.snapshot("cus_2", "x" * 3_000))
        return there and store.recall("cus_2") == later and world.sql("PRAGMA integrity_check") == [("ok",)]

    assert works_in_a_child(does_without)


def spoil(path: Path, how: str) -> None:
    raw = bytearray(path.read_bytes())
    if how == "no database":
        raw[:] = b"something else altogether" * 1_000
    if how == "its first page":
        raw[20:4_096] = b"\xa5" * 4_076
    if how == "its other pages":
        raw[4_096:] = b"\xa5" * (len(raw) - 4_096)
    if how == "cut":
        del raw[5_000:]
    with path.open("r+b") as file:  # the same file: whoever has it open sees it
        file.write(raw)
        file.truncate(len(raw))


SPOILT = ["no database", "its first page", "its other pages", "cut"]


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("open_", [False, True], ids=["before it is opened", "while it is open"])
def test_r52_a_broken_file_is_set_aside_and_begun_anew(world, caplog, how, open_):
    """A broken file costs fetches: it is kept for whoever wants to look, and a new one serves at once."""
    store = world.store()
    for number in range(50):
        store.keep(world.snapshot(f"cus_{number}", "exports"))
    if not open_:
        store.close()
    spoil(world.path, how)
    store, other = store if open_ else world.store(), world.store()
    again = world.snapshot("cus_7", "sso")
    for each in (store, other):  # the first may have it from what SQLite had read before
        assert each.recall("cus_7") in {None, replace(again, features=frozenset({"exports"}))}
        each._file.run(lambda sql: sql.execute("DELETE FROM snapshots_1"))
    other.keep(again)
    assert (store.recall("cus_7"), other.recall("cus_7")) == (again, again)
    assert world.sql("PRAGMA integrity_check") == [("ok",)]
    assert (world.directory / "snapshots.db.broken").exists()
    told = "set aside as snapshots.db.broken, and begun anew; that costs fetches"
    assert [record.message.endswith(told) for record in caplog.records] == [True]


def test_a_note_survives_no_broken_file_and_its_reader_sees_that(world):
    """Who finds no note begins anew; a new one can be written at once."""
    store = world.store()
    store.write_note("position", "evt_1")
    store.close()
    spoil(world.path, "no database")
    store = world.store()
    assert store.read_note("position") is None
    store.write_note("position", "evt_2")
    assert world.store().read_note("position") == "evt_2"


@pytest.mark.parametrize("how", ["broken", "removed"])
def test_every_process_moves_on_to_the_new_file(world, how):
    """Nobody writes to a file that was set aside or removed: what one keeps, the others find."""
    one, other, third = world.store(), world.store(), world.store()
    for store in (one, other, third):
        store.keep(world.snapshot("cus_1"))
    if how == "broken":
        spoil(world.path, "no database")
    else:
        world.path.unlink()
    for number, (keeper, finder) in enumerate(pairwise((one, other, third, one))):
        kept = world.snapshot(f"cus_{number}", how)
        keeper.keep(kept)
        assert finder.recall(f"cus_{number}") == kept
    assert world.sql("PRAGMA integrity_check") == [("ok",)]


def test_nobody_works_on_the_file_while_it_is_set_aside(world):
    """The new file has the old one's name, and so its journal: an old transaction in that would spoil it."""
    store = world.store()
    store.keep(world.snapshot())
    held = os.open(world.directory, os.O_RDONLY)
    try:
        import fcntl

        fcntl.flock(held, fcntl.LOCK_EX)
        assert found_none(store, world)
    finally:
        os.close(held)
    world.tick(1)
    assert store.recall("cus_1") is not None


def test_a_directory_that_is_gone_is_a_miss(world):
    """An operator who clears too much costs fetches; when the directory can be made again, it is."""
    store = world.store()
    store.keep(world.snapshot())
    away = world.directory.with_name("away")
    world.directory.rename(away)
    assert store.recall("cus_1") is None
    store.keep(kept := world.snapshot())
    assert store.recall("cus_1") == kept
    assert world.path.exists()


def test_a_file_that_became_another_s_is_not_used(world):
    """What was safe at the beginning must be so whenever it is opened; at run time that is a miss, not an error."""
    store = world.store()
    store.keep(world.snapshot())
    world.path.rename(world.directory / "elsewhere")
    world.path.symlink_to(world.directory / "elsewhere")
    assert found_none(store, world)


def test_a_closed_store_is_empty_and_says_nothing_of_it(world, caplog):
    """After close nothing is found or kept, and no log is written; closing twice is fine."""
    store = world.store()
    store.keep(world.snapshot())
    store.close()
    store.close()
    assert found_none(store, world)
    with pytest.raises(StoreFault):
        count(store, 60)
    assert caplog.records == []


# --- processes, threads and forks -----------------------------------------------------------------------------------


def test_a_process_killed_while_it_writes_leaves_a_store_that_opens(world):
    """R52: kill -9 at any moment loses nothing that was kept before, and breaks nothing."""
    script = """
        import time
        from entitlements.cache.envelope import Stored
        from entitlements.cache.host import HostStore
        number = int(sys.argv[3])
        def boot(): return 5_000.0 + number
        store = HostStore(
            sys.argv[2], scope="self/live", boot=boot, wall=time.time, capacity=50, max_age=1e6, boot_id=1
        )
        while True:
            features = frozenset({"x" * (number * 997 % 5_000 + 1)})
            store.keep(Stored("self/live", f"cus_{number % 70}", features, 1.5e300, boot(), 1_795_000_000.0, 300.0))
            number += 1
            if number % 10 == 0:
                tell(number)
    """
    store, number = world.store(), 0
    for _ in range(8):
        with running(script, world.directory, number) as [process]:
            for _ in range(10):
                number = int(process.hear())
            process.kill()
        assert world.sql("PRAGMA integrity_check") == [("ok",)]
        world.boot.at = 20_000.0 + number
        found = [stored for customer in range(70) if (stored := store.recall(f"cus_{customer}"))]
        newest = {int(stored.boot) - 5_000: stored for stored in found}
        assert all(stored.features == {"x" * (n * 997 % 5_000 + 1)} for n, stored in newest.items())
        assert (len(newest) >= 50, max(newest) >= number - 1) == (True, True)
    assert not (world.directory / "snapshots.db.broken").exists()


def test_r39_children_forked_while_a_thread_hammers_the_store_have_their_own_connection(tmp_path):
    """I15: fifty forks in the midst of reading and writing: no child hangs, and what it keeps its parent finds."""
    script = """
        import json, signal, time
        from entitlements.clocks import boot_now
        from entitlements.cache.envelope import Stored
        from entitlements.cache.host import HostStore
        store = HostStore(sys.argv[2], scope="s", boot=boot_now, wall=time.time, capacity=1_000, max_age=60)
        stop = threading.Event()

        def snapshot(customer):
            return Stored("s", customer, frozenset({"x"}), 1.5e300, boot_now(), time.time(), 300.0)

        def hammer():
            while not stop.is_set():
                store.keep(snapshot("cus_1"))
                store.recall("cus_1")

        threads = [threading.Thread(target=hammer) for _ in range(2)]
        for thread in threads: thread.start()
        store.keep(snapshot("cus_1"))
        well = 0
        for number in range(50):
            child = os.fork()
            if child == 0:
                signal.alarm(3 if "PLANTED_BUG" in os.environ else 20)
                for _ in range(50):  # another may have the file just now
                    store.keep(snapshot(f"cus_of_child_{number}"))
                    if store.recall(f"cus_of_child_{number}"):
                        os._exit(0)
                    time.sleep(0.05)
                os._exit(1)
            if os.waitpid(child, 0)[1] != 0: break
            well += 1
        stop.set()
        for thread in threads: thread.join()
        found = sum(store.recall(f"cus_of_child_{number}") is not None for number in range(50))
        tell(well, found, *store._file.run(lambda sql: sql.execute("PRAGMA integrity_check").fetchall())[0])
    """
    with running(script, tmp_path / "shared") as [process]:
        assert process.hear() == "50 50 ok"


def descriptors(path: Path) -> int:
    """Count how often this process has a file open."""
    links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return links.count(path)


@pytest.mark.skipif(sys.platform != "linux", reason="counts by /proc")
def test_i15_a_child_neither_uses_nor_closes_its_parent_s_connection(world):
    """It opens the file anew, and leaves what it was forked with as it is, whatever becomes of the store."""

    store = world.store()
    store.keep(kept := world.snapshot())
    assert descriptors(world.path) == 1

    def leaves_it() -> bool:
        inherited = descriptors(world.path)
        recalled = store.recall("cus_1")
        own = descriptors(world.path)
        store.close()
        return (inherited, recalled, own, descriptors(world.path)) == (1, kept, 2, 1)

    assert works_in_a_child(leaves_it)
    assert store.recall("cus_1") == kept


def test_threads_share_a_connection_in_turn(world):
    """However many threads ask and keep, each finds what it kept."""
    store = world.store()

    def work(number: int) -> bool:
        for turn in range(50):
            kept = world.snapshot(f"cus_{number}", str(turn))
            store.keep(kept)
            if store.recall(f"cus_{number}") != kept:
                return False
        return True

    assert [ask.answer() for ask in [Ask(lambda number=n: work(number)) for n in range(6)]] == [True] * 6


def test_a_handler_that_comes_in_between_does_without(world):
    """A signal's handler that asks in the midst of another piece of work neither hangs nor undoes it."""
    store = world.store()
    store.keep(kept := world.snapshot())
    recalled = []

    def interrupted() -> float:  # read within a lease's transaction, among other places
        if armed:
            armed.clear()
            recalled.append(store.recall("cus_1"))
        return 5_000.0

    armed: set[bool] = set()
    store._boot = interrupted
    armed.add(True)
    assert store.lease("sweep", "me", 10)
    assert (recalled, store.recall("cus_1")) == ([None], kept)
    assert not world.store().lease("sweep", "another", 10)


def test_work_that_is_interrupted_leaves_the_file_free(world):
    """Whatever ends a piece of work half done, it is undone, and neither this process nor another is kept out."""
    store = world.store()

    def interrupted() -> float:  # read within a lease's transaction
        raise KeyboardInterrupt

    store._boot = interrupted
    with pytest.raises(KeyboardInterrupt):
        store.lease("sweep", "me", 10)
    store._boot = world.boot
    assert (world.store().lease("sweep", "another", 10), store.lease("sweep", "me", 10)) == (True, False)


@pytest.mark.skipif(sys.platform != "linux", reason="counts by /proc")
def test_a_store_that_is_let_go_closes_its_file(world):
    """Whoever forgets to close leaves nothing open."""
    store = HostStore(world.directory, scope="s", boot=world.boot, wall=world.wall, capacity=9, max_age=9)
    store.keep(world.snapshot())
    before = descriptors(world.path)
    del store
    assert (before, descriptors(world.path)) == (1, 0)
