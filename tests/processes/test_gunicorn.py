"""R39: behind a real gunicorn every worker hears of every change, and none uses what belongs to another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from controlled import wait_for
from process_gunicorn import WORKERS, gunicorn
from process_kernel import connections, shared, threads

from entitlements.emulator import StripeEmulator

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system doesn't tell what a process has open"),
    pytest.mark.timeout(120),
]
LIST = "/v1/entitlements/active_entitlements"
CATALOG = {
    "features": {"exports": "Data exports"},
    "products": {"pro": {"name": "Pro", "features": ["exports"], "price": 2900}},
}
LASTING = {"entitlements-fetch", "entitlements-watchdog"}  # a catalogue's thread may have come to its end by now
SYNC = ("--worker-class", "sync")
THREADS = ("--worker-class", "gthread", "--threads", "4")
ASGI = ("--worker-class", "uvicorn_worker.UvicornWorker")
OWN_ASGI = ("--worker-class", "asgi")


@pytest.fixture(name="stripe")
def _stripe():
    with StripeEmulator(catalog=CATALOG) as stripe:
        yield stripe


def serve(stripe, directory, kind, *, preload=True, shared=False, before=""):
    """Serve the site with workers of a kind; a master that is to be asking waits for the file `go`."""
    stripe.subscribe(stripe.customer("cus_1"), "pro")
    options = (*kind, "--preload") if preload else kind
    return gunicorn(
        directory,
        *options,
        app="process_site:asgi" if kind in {ASGI, OWN_ASGI} else "process_site:wsgi",
        STRIPE_API_KEY=stripe.api_key,
        STRIPE_API_BASE=stripe.url,
        SITE_CUSTOMER="cus_1",
        SITE_SHARED=str(directory / "shared") if shared else "",
        SITE_BEFORE=before,
        SITE_GO=str(directory / "go"),
    )


def answers(site):
    """Ask every worker; tell whether they said yes, if they agree."""
    told = site.ask_all()
    assert set(told) == site.workers
    return {each.has for those in told.values() for each in those}


def assert_nothing_is_shared(site, stripe):
    """No two processes have one connection to Stripe, and the threads a worker knows are the threads it has."""
    told = site.ask_all()
    port = int(stripe.url.rpartition(":")[2])
    assert shared({pid: connections(pid, port) for pid in (site.pid, *told)}) == {}
    for pid, those in told.items():
        assert {int(thread) for thread, name in those[-1].threads.items() if name in LASTING} <= threads(pid)


def hears_of_changes(site, stripe):
    """Cancel and buy, each told to one worker; give what all of them say before, between and after."""
    (subscription,) = stripe.request("GET", "/v1/subscriptions", customer="cus_1")["data"]
    before = answers(site)
    stripe.cancel(subscription["id"])
    assert site.deliver("cus_1") == 200
    between = answers(site)
    stripe.subscribe("cus_1", "pro")
    assert site.deliver("cus_1") == 200
    return before, between, answers(site)


def complaints(log):
    """Find in a log what nobody wants to read there."""
    return re.findall(r".*(?:Traceback|[Ww]arning|WARNING|ERROR|CRITICAL|cannot tell|refus).*", log)


def assert_all_is_well(site, stripe):
    """Go through a life: changes, a reload, changes again, the end."""
    site.wait_until_up()
    assert answers(site) == {True}
    assert_nothing_is_shared(site, stripe)
    assert hears_of_changes(site, stripe) == ({True}, {False}, {True})
    assert_nothing_is_shared(site, stripe)
    site.reload()
    assert hears_of_changes(site, stripe) == ({True}, {False}, {True})
    assert_nothing_is_shared(site, stripe)
    assert len(site.workers) == WORKERS
    assert (site.stop(), complaints(site.log)) == (0, []), site.log


def assert_well_when_forked_in_mid_fetch(stripe, directory, kind, *, shared):
    """Fork while the master waits for Stripe, ask, let the master go on; then as ever."""
    held = stripe.faults.hang("GET", LIST, times=1)
    with serve(stripe, directory, kind, shared=shared, before="be-asking") as site:
        wait_for(lambda: held.holding)
        (directory / "go").touch()
        site.wait_until_up()
        assert answers(site) == {True}
        assert held.holding == 1
        assert_nothing_is_shared(site, stripe)
        held.release()
        assert_all_is_well(site, stripe)


@pytest.mark.parametrize(
    ("kind", "shared"), [(SYNC, False), (THREADS, True), (ASGI, False)], ids=["sync", "gthread-path", "uvicorn"]
)
def test_each_worker_of_a_master_that_has_asked_is_on_its_own(stripe, tmp_path, kind, shared):
    """A preloaded instance that has asked, on whatever kind of workers: all hear of a webhook that one of them got."""
    with serve(stripe, tmp_path, kind, shared=shared, before="ask") as site:
        assert_all_is_well(site, stripe)


def test_workers_forked_in_the_midst_of_a_fetch_make_their_own(stripe, tmp_path):
    """While the master waits for Stripe, the workers that it forked ask for themselves."""
    assert_well_when_forked_in_mid_fetch(stripe, tmp_path, THREADS, shared=False)


# --- every kind, every way -------------------------------------------------------------------------------------------

kinds = pytest.mark.parametrize(
    "kind", [SYNC, THREADS, ASGI, OWN_ASGI], ids=["sync", "gthread", "uvicorn", "gunicorns-asgi"]
)
tables = pytest.mark.parametrize("shared", [False, True], ids=["forks", "path"])


@pytest.mark.soak
@kinds
@tables
@pytest.mark.parametrize("before", ["", "ask"], ids=["unasked", "asked"])
def test_whatever_the_workers_and_whatever_they_share(stripe, tmp_path, kind, shared, before):
    """Built before the fork, all workers hear of changes, and share nothing else."""
    with serve(stripe, tmp_path, kind, shared=shared, before=before) as site:
        assert_all_is_well(site, stripe)


@pytest.mark.soak
@kinds
@tables
def test_whatever_the_workers_in_the_midst_of_a_fetch(stripe, tmp_path, kind, shared):
    """Forked while the master fetches, all workers fetch for themselves."""
    assert_well_when_forked_in_mid_fetch(stripe, tmp_path, kind, shared=shared)


@pytest.mark.soak
@kinds
def test_workers_that_inherit_nothing_share_a_path(stripe, tmp_path, kind):
    """Without preload each worker builds an instance of its own, and a path makes them hear of changes."""
    with serve(stripe, tmp_path, kind, preload=False, shared=True) as site:
        assert_all_is_well(site, stripe)
