"""The pool and the watchdog: threads that come back from whatever befalls them."""

from __future__ import annotations

import threading
from contextlib import suppress

from controlled import wait_for

from entitlements.cache import pool as pools
from entitlements.cache.pool import Pool
from entitlements.clocks import real_now
from entitlements.watchdog import Watchdog


def test_r98_a_thread_that_could_not_start_is_not_counted(monkeypatch):
    """When the system has no thread to spare, the pool is whole again as soon as it has."""
    pool, done = Pool(threads=2, waiting=10), threading.Event()
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(pools.FetchThread, "start", refuse, raising=False)
    for _ in range(4):
        with suppress(RuntimeError):
            pool.submit(lambda: None)
    monkeypatch.setattr(pools.FetchThread, "start", start, raising=False)
    assert pool.submit(done.set)
    assert done.wait(5)
    pool.close()


def test_a_job_that_dies_leaves_its_thread_alive(caplog):
    """Whatever a job raises, the next one runs."""
    pool, done = Pool(threads=1, waiting=10), threading.Event()

    def die() -> None:
        raise SystemExit

    assert pool.submit(die)
    assert pool.submit(done.set)
    assert done.wait(5)
    assert "a fetch job failed" in caplog.text
    pool.close()


def test_a_full_queue_refuses():
    """R102: beyond the bound a job is refused, not kept."""
    pool, held = Pool(threads=1, waiting=2), threading.Event()
    pool.submit(held.wait)
    wait_for(lambda: pool._jobs.qsize() == 0)
    assert [pool.submit(held.wait) for _ in range(3)] == [True, True, False]
    held.set()
    pool.close()


def test_the_watchdog_rings_in_time_in_order_and_only_what_was_not_cancelled():
    """Alarms ring by their moments, whatever the order they were set in."""
    watchdog, rung, last = Watchdog(), list[int](), threading.Event()
    now = real_now()
    watchdog.at(now + 0.06, lambda: (rung.append(3), last.set()))
    watchdog.at(now + 0.02, lambda: rung.append(1))
    cancelled = watchdog.at(now + 0.04, lambda: rung.append(2))
    assert cancelled.cancel()
    assert last.wait(5)
    assert rung == [1, 3]
    assert not cancelled.cancel()


def test_the_watchdog_survives_an_alarm_set_for_the_end_of_time_and_one_that_fails(caplog):
    """A moment beyond what a lock can wait for, and a call that raises, take nobody else's alarm with them."""
    watchdog, rung = Watchdog(), threading.Event()
    watchdog.at(1e30, rung.set)
    watchdog.at(real_now(), lambda: 1 / 0)
    wait_for(lambda: "a watchdog call failed" in caplog.text)
    watchdog.at(real_now() + 0.01, rung.set)
    assert rung.wait(5)


def test_cancelled_alarms_are_not_kept():
    """Most alarms are cancelled long before their moment: they take no memory until then."""
    watchdog = Watchdog()
    for _ in range(10_000):
        watchdog.at(real_now() + 3_000, lambda: None).cancel()
    assert len(watchdog._heap) <= 512
