"""R24, R25, R28: what the host's store keeps outlives a process, with its true age, and only for whom it is about."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from host_processes import running
from host_world import World, count

from entitlements.cache import host
from entitlements.cache.envelope import LARGEST, seal


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path / "shared")
    yield world
    world.close()


# --- snapshots ------------------------------------------------------------------------------------------------------


def test_what_was_kept_is_recalled_after_a_restart(world):
    """Every part of a snapshot is there again for the next process; of others nothing is."""
    before = world.store()
    kept = world.snapshot("cus_1", "exports", "sso")
    before.keep(kept)
    before.close()
    after = world.store()
    assert (after.recall("cus_1"), after.recall("cus_2")) == (kept, None)


def test_the_store_is_this_user_s_alone(world):
    """The directory is made with mode 0700, the file with 0600 before SQLite ever sees it."""
    store = world.store()
    assert (world.directory.stat().st_mode & 0o7777, world.path.stat().st_mode & 0o7777) == (0o700, 0o600)
    store.keep(world.snapshot())
    assert {path.name: path.stat().st_mode & 0o7777 for path in world.directory.iterdir()} == {
        "snapshots.db": 0o600,
        "snapshots.db-journal": 0o600,
    }


@pytest.mark.parametrize(("by_boot", "by_wall"), [(100, 100), (100, 3_600), (3_600, 100)])
def test_r24_age_is_counted_from_the_fetch_by_the_clock_that_says_more(world, by_boot, by_wall):
    """Keeping and recalling make nothing younger: beyond `max_age` by either clock there is no snapshot."""
    world.store().keep(world.snapshot())
    older = max(by_boot, by_wall)
    world.boot.tick(by_boot)
    world.wall.tick(by_wall)
    assert world.store(max_age=older).recall("cus_1") is not None
    assert world.store(max_age=older - 1).recall("cus_1") is None


@pytest.mark.parametrize("clock", ["boot", "wall"])
def test_r25_a_clock_that_went_back_makes_a_snapshot_expired(world, clock):
    """What was fetched in the future, by either clock, is no evidence."""
    store = world.store()
    store.keep(world.snapshot())
    getattr(world, clock).tick(-0.5)
    assert store.recall("cus_1") is None


def test_what_was_recalled_and_kept_again_is_as_old_as_before(world):
    """R24: ages add up over restarts, since the moment of the fetch travels with the snapshot."""
    world.store().keep(world.snapshot())
    for _ in range(10):
        world.tick(10)
        store = world.store(max_age=100)
        recalled = store.recall("cus_1")
        assert recalled is not None
        store.keep(recalled)
    world.tick(1)
    assert world.store(max_age=100).recall("cus_1") is None


def test_what_was_fetched_earlier_never_takes_the_place_of_what_was_fetched_later(world):
    """R04: a slow process that comes late changes nothing; one that fetched later does."""
    one, other = world.store(), world.store()
    early = world.snapshot("cus_1", "exports")
    world.tick(1)
    late = world.snapshot("cus_1")
    one.keep(late)
    other.keep(early)
    assert one.recall("cus_1") == late
    world.tick(1)
    latest = world.snapshot("cus_1", "sso")
    other.keep(latest)
    assert one.recall("cus_1") == latest


def test_a_row_from_the_future_does_not_stand_in_the_way(world):
    """What only a mistake can have written is replaced by the next fetch."""
    store = world.store()
    store.keep(replace(world.snapshot("cus_1", "exports"), boot=1e9))
    now = world.snapshot("cus_1", "sso")
    store.keep(now)
    assert store.recall("cus_1") == now


def test_i7_scopes_share_the_file_and_nothing_in_it(world):
    """A snapshot of another account or mode is a miss, and so are its notes and leases."""
    live, test = world.store("self/live"), world.store("self/test")
    live.keep(world.snapshot("cus_1", "exports"))
    live.write_note("position", "evt_1")
    assert live.lease("sweep", "me", 10)
    assert (test.recall("cus_1"), count(test, 3_600), test.read_note("position")) == (None, 0, None)
    assert test.lease("sweep", "somebody else", 10)


def test_a_row_in_another_s_place_is_not_believed(world, caplog):
    """I7: a row says whom it is about twice, and the sealed word counts."""
    store = world.store()
    store.keep(world.snapshot("cus_1", "exports"))
    world.sql("UPDATE snapshots_1 SET customer = 'cus_2'")
    assert store.recall("cus_2") is None
    world.sql("UPDATE snapshots_1 SET customer = 'cus_1', scope = 'self/test'")
    assert world.store("self/test").recall("cus_1") is None
    assert [record.message.partition("again: ")[2] for record in caplog.records] == ["it is about another customer"]


def test_r28_a_damaged_row_is_a_miss_that_is_told_once(world, caplog):
    """A flipped byte costs a fetch, a warning that doesn't repeat itself, and is gone with the next fetch."""
    store = world.store()
    kept = world.snapshot("cus_1", "exports")
    store.keep(kept)
    world.sql("UPDATE snapshots_1 SET sealed = ?", seal(kept).replace(b"exports", b"exporte"))
    assert [store.recall("cus_1") for _ in range(3)] == [None, None, None]
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (
            logging.WARNING,
            f"a snapshot kept in {world.path} is damaged, so it is fetched again: its digest doesn't fit",
        )
    ]
    store.keep(kept)
    assert store.recall("cus_1") == kept


def test_what_is_too_large_isn_t_kept(world, caplog):
    """A snapshot that nobody would read back takes no room; it is told of."""
    store = world.store()
    store.keep(world.snapshot("cus_1", "x" * LARGEST))
    assert (store.recall("cus_1"), count(store, 60)) == (None, 0)
    assert "the snapshot of 'cus_1' isn't kept" in caplog.text


def test_customers_are_counted_by_the_age_of_their_fetch(world):
    """What capacity is planned by: how many customers were fetched within so many seconds; another scope's are not."""
    store = world.store()
    assert count(store, 1e9) == 0
    for number in range(5):
        store.keep(world.snapshot(f"cus_{number}"))
        store.keep(world.snapshot(f"cus_{number}", scope="self/test"))
        world.tick(10)
    assert list(store.counts([5, 10, 10.5, 30.5, 1_000])) == [0, 0, 1, 3, 5]


@pytest.mark.parametrize(("apart", "counted"), [(0.0, [100, 100, 100]), (0.001, [30, 50, 100])])
def test_very_many_are_counted_a_few_at_a_time_and_each_once(world, monkeypatch, apart, counted):
    """Whoever needs the file meanwhile waits for some rows and not for all; those of one moment count like others."""
    monkeypatch.setattr(host, "_AT_ONCE", 7)
    store = world.store()
    for number in range(100):
        store.keep(world.snapshot(f"cus_{number}"))
        world.tick(apart)
    turns, run = [], store._file.run
    store._file.run = lambda work: (turns.append(work), run(work))[1]
    assert (list(store.counts([0.0305, 0.0505, 60])), count(store, 60)) == (counted, 100)
    assert len(turns) >= 2 * (100 // 7)


def test_the_youngest_are_kept_within_the_capacity(world):
    """The file is bounded: beyond its capacity, and a tenth, a scope loses the oldest."""
    store = world.store(capacity=50)
    for number in range(200):
        store.keep(world.snapshot(f"cus_{number}"))
        world.tick(1)
    kept = [number for number in range(200) if store.recall(f"cus_{number}")]
    assert kept == list(range(200 - len(kept), 200))
    assert 50 <= len(kept) <= 56


def test_what_is_too_old_leaves_even_if_nobody_serves_its_scope_any_more(world):
    """R52: a scope that is gone doesn't fill the disk for ever."""
    gone, served = world.store("acct_gone/live", max_age=100), world.store("self/live", max_age=100, capacity=50)
    gone.keep(world.snapshot("cus_1", scope="acct_gone/live"))
    served.keep(world.snapshot("cus_old"))
    world.tick(101)
    for number in range(6):
        served.keep(world.snapshot(f"cus_{number}"))
    assert world.sql("SELECT customer FROM snapshots_1 ORDER BY customer") == [(f"cus_{n}",) for n in range(6)]


def test_another_boot_drops_what_was_noted_by_its_clock(world):
    """R25: moments of another boot mean nothing in this one, however young they look; notes carry none, and stay."""
    before = world.store(boot_id=1)
    before.keep(world.snapshot())
    before.write_note("position", "evt_1")
    assert before.lease("sweep", "me", 10)
    before.close()
    after = world.store(boot_id=2)
    assert (after.recall("cus_1"), count(after, 1e9), after.read_note("position")) == (None, 0, "evt_1")
    assert after.lease("sweep", "somebody else", 10)
    kept = world.snapshot()
    after.keep(kept)
    assert world.store(boot_id=2).recall("cus_1") == kept


def test_r29_another_release_s_rows_are_left_alone(world):
    """Two releases run side by side on one file, each with tables of its own."""
    world.store().keep(world.snapshot())
    world.sql("CREATE TABLE snapshots_2 (entirely, different)")
    world.sql("INSERT INTO snapshots_2 VALUES (1, 2)")
    store = world.store(boot_id=2)
    store.keep(world.snapshot())
    assert count(store, 60) == 1
    assert world.sql("SELECT * FROM snapshots_2") == [(1, 2)]


# --- notes and leases -----------------------------------------------------------------------------------------------


def test_a_note_is_read_as_it_was_written(world):
    """The last text written under a name is there, in every process and after a restart."""
    one, other = world.store(), world.store()
    assert one.read_note("position") is None
    one.write_note("position", "evt_1")
    other.write_note("position", "evt_2 \u2603")
    other.write_note("other", "")
    one.close()
    after = world.store()
    assert [store.read_note(name) for store in (other, after) for name in ("position", "other")] == [
        "evt_2 \u2603",
        "",
    ] * 2


def test_a_damaged_note_is_as_good_as_none(world, caplog):
    """Who goes by a note begins anew rather than go wrong."""
    store = world.store()
    store.write_note("position", "evt_1")
    world.sql("UPDATE notes_1 SET text = 'evt_2'")
    assert store.read_note("position") is None
    assert "the note 'position'" in caplog.text


def test_a_lease_is_its_holder_s_until_it_ends(world):
    """One does it for all; the holder renews, and another takes over when the holder has gone."""
    one, other = world.store(), world.store()
    assert (one.lease("sweep", "one", 10), other.lease("sweep", "other", 10)) == (True, False)
    world.tick(9)
    assert (other.lease("sweep", "other", 10), one.lease("sweep", "one", 10)) == (False, True)
    world.tick(9)
    assert (other.lease("sweep", "other", 10), other.lease("another", "other", 10)) == (False, True)
    world.tick(1)
    assert (other.lease("sweep", "other", 10), one.lease("sweep", "one", 10)) == (True, False)


def test_a_lease_is_counted_by_the_boot_clock(world):
    """Wall time may be set as it likes."""
    one, other = world.store(), world.store()
    assert one.lease("sweep", "one", 10)
    world.wall.tick(1e6)
    assert not other.lease("sweep", "other", 10)
    world.wall.tick(-2e6)
    world.boot.tick(10)
    assert other.lease("sweep", "other", 10)


def test_a_lease_that_ends_later_than_anybody_asks_for_is_over(world):
    """R25: a clock's mistake must not stop the work for days."""
    one, other = world.store(), world.store()
    world.boot.tick(1_000)
    assert one.lease("sweep", "one", 10)
    world.boot.tick(-1_000)
    assert other.lease("sweep", "other", 10)


def test_of_many_processes_one_has_the_lease(world):
    """Real processes ask at once, again and again: exactly one of them holds each lease."""
    script = """
        import time
        from entitlements.clocks import boot_now
        from entitlements.cache.host import HostStore
        store = HostStore(
            sys.argv[2], scope="self/live", boot=boot_now, wall=time.time, capacity=10, max_age=10, boot_id=1
        )
        store.recall("cus_1")
        tell("ready")
        wait()
        held = set()
        for turn in range(20):
            while not (mine := store.lease(f"lease {turn}", sys.argv[1], 1e6)):
                if store._file.run(lambda sql: sql.execute("SELECT * FROM leases_1 WHERE name = ?",
                                   (f"lease {turn}",)).fetchall()):
                    break  # somebody has it, and didn't merely keep us from telling
            if mine:
                held.add(turn)
        tell(*sorted(held))
        wait()
    """
    with running(script, world.directory, processes=4) as processes:
        assert [process.hear() for process in processes] == ["ready"] * 4
        for process in processes:
            process.go()
        held = [turn for process in processes for turn in process.hear_numbers()]
    assert sorted(held) == list(range(20))
