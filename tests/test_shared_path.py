"""`shared_path=`: the processes of a host share fences and snapshots, and a restart begins where the last one ended.

Two instances on one path stand for two processes here: they share nothing but the directory. `tests/processes` has real
ones.
"""

from __future__ import annotations

import shutil
import time

import pytest
from controlled import Clock, HeldTruth, Truth, wait_for
from host_world import count

from entitlements import (
    Entitlements,
    EntitlementsUnavailable,
    Freshness,
    InvalidSettings,
    Limits,
    Reason,
    Source,
)
from entitlements.cache import fences
from entitlements.errors import StripeError

QUICK = Limits(deadline=0.5, brief_deadline=0.2, requests_per_second=1_000)


@pytest.fixture(name="process")
def _process(tmp_path):
    """Start processes: instances that have nothing in common but what is given to them."""
    started = []

    def start(truth, **options):
        fences._at.clear()  # another process maps the file itself
        options = {"limits": QUICK, "shared_path": tmp_path / "shared", **options}
        started.append(Entitlements(source=truth, **options))
        return started[-1]

    yield start
    for ents in started:
        ents.close()


def stored(ents) -> bool:
    return count(ents._core.ground.store, 1e9) > 0


def test_what_one_process_fetched_another_takes(process):
    """A snapshot is fetched once for the host, and keeps its age."""
    clock = Clock()
    truth = Truth({"cus_1": {"exports"}})
    one, other = process(truth, clock=clock), process(truth, clock=clock)
    assert one.has_feature("cus_1", "exports")
    wait_for(lambda: stored(other))
    clock.tick(100)
    decision = other.check("cus_1", "exports")
    assert (bool(decision), decision.source, decision.age, truth.calls) == (True, Source.CACHED, 100, ["cus_1"])
    assert (other.stats().recalled, other.stats().reach) == (1, "every process of this host that shares the path")


def test_a_change_known_to_one_is_known_to_all_at_once(process):
    """I1 on the host: after the acknowledgement nobody answers from before it."""
    truth = Truth({"cus_1": {"exports"}})
    one, other = process(truth), process(truth)
    assert one.has_feature("cus_1", "exports")
    assert other.has_feature("cus_1", "exports")
    truth.held["cus_1"] = set()
    one.invalidate("cus_1")
    assert (other.has_feature("cus_1", "exports"), one.has_feature("cus_1", "exports")) == (False, False)


def test_a_slow_fetch_is_not_kept_for_others(process):
    """R04: what was fetched before a change is stored behind the fence of before, and nobody takes it."""
    truth = HeldTruth({"cus_1": {"exports"}})
    one, other = process(truth), process(truth)
    flight = one._core.cache.begin("cus_1", seen=None, patience=1.0)
    truth.wait_until_asked()
    truth.held["cus_1"] = set()
    other.invalidate("cus_1")
    truth.release(2)
    wait_for(lambda: flight.outcome is not None)
    decision = other.check("cus_1", "exports")
    assert (decision.reason, decision.source) == (Reason.NOT_ENTITLED, Source.FETCHED)


def test_a_restart_while_stripe_is_down_admits_whoever_paid(process):
    """A deploy during an outage: who was seen lately keeps what they have, at the age it has."""
    clock = Clock()
    truth = Truth({"cus_1": {"exports"}, "cus_2": {"exports"}})
    before = process(truth, clock=clock)
    assert before.has_feature("cus_1", "exports")
    assert before.has_feature("cus_2", "exports")
    wait_for(lambda: count(before._core.ground.store, 1e9) == 2)
    before.close()
    truth.failing = StripeError("down")
    clock.tick(3_000)
    after = process(truth, clock=clock)
    after.invalidate("cus_2")
    served, superseded = after.check("cus_1", "exports"), after.check("cus_2", "exports")
    assert (served.allowed, served.source, served.age) == (True, Source.STALE, 3_000)
    assert superseded.reason is Reason.UNAVAILABLE
    clock.tick(1_000)
    assert after.check("cus_1", "exports").reason is Reason.UNAVAILABLE  # stale_if_error is over, restart or not


def test_a_restart_knows_at_once_how_many_there_are(process):
    """Whom the budget can't pay to refresh within the ttl lives longer, from the first question on."""
    limits, freshness, clock = Limits(requests_per_second=1_000, deadline=10), Freshness(ttl=0.1), Clock()
    truth = Truth({f"cus_{number}": {"exports"} for number in range(200)})
    before = process(truth, clock=clock, limits=limits, freshness=freshness)
    assert all(before.has_feature(customer, "exports") for customer in truth.held)
    wait_for(lambda: count(before._core.ground.store, 1e9) == 200)
    after = process(truth, clock=clock, limits=limits, freshness=freshness)
    assert after.stats().ttl == pytest.approx(200 / 800)


def test_a_customer_stripe_doesn_t_know_is_not_kept(process):
    """R77: random ids don't fill the disk."""
    truth = Truth({"cus_1": {"exports"}})
    ents = process(truth)
    ents.has_feature("cus_nobody", "exports")
    ents.has_feature("cus_1", "exports")
    wait_for(lambda: stored(ents))
    assert count(ents._core.ground.store, 1e9) == 1


def test_a_change_raises_every_table_of_the_process(process):
    """R38: two instances of one process rest on two tables; the event reaches one of them, and both know."""
    truth = Truth({"cus_1": {"exports"}})
    shared = process(truth)
    with Entitlements(source=truth, limits=QUICK) as alone:
        assert shared.has_feature("cus_1", "exports")
        assert alone.has_feature("cus_1", "exports")
        truth.held["cus_1"] = set()
        alone.invalidate("cus_1")
        assert (shared.has_feature("cus_1", "exports"), alone.has_feature("cus_1", "exports")) == (False, False)
        truth.held["cus_1"] = {"exports"}
        shared.invalidate("cus_1")
        assert (shared.has_feature("cus_1", "exports"), alone.has_feature("cus_1", "exports")) == (True, True)


def test_a_table_that_was_removed_is_noticed_before_the_next_acknowledgement(process, tmp_path):
    """Rule 5: somebody empties the directory; processes meet again in a new one, and nothing old answers."""
    truth = Truth({"cus_1": {"exports"}})
    one = process(truth)
    other = process(truth)
    assert one.has_feature("cus_1", "exports")
    assert other.has_feature("cus_1", "exports")
    shutil.rmtree(tmp_path / "shared")
    truth.held["cus_1"] = set()
    one.invalidate("cus_1")
    assert (other.has_feature("cus_1", "exports"), one.has_feature("cus_1", "exports")) == (False, False)
    truth.held["cus_1"] = {"exports"}
    other.invalidate("cus_1")
    assert (one.has_feature("cus_1", "exports"), other.has_feature("cus_1", "exports")) == (True, True)


@pytest.mark.parametrize("removed", ["shared", "shared/fences"])
def test_a_table_that_was_removed_is_noticed_though_nobody_fetches(process, tmp_path, removed):
    """Rule 5: a fresh process makes a table of its own, which a warm one that is only asked warm questions notices."""
    truth = Truth({"cus_1": {"exports"}})
    warm = process(truth)
    assert warm.has_feature("cus_1", "exports")
    gone = tmp_path / removed
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    fresh = process(truth)
    truth.held["cus_1"] = set()
    fresh.invalidate("cus_1")
    wait_for(lambda: not warm.has_feature("cus_1", "exports"), seconds=5)  # a second, and what a busy machine adds
    assert warm.check("cus_1", "exports").reason is Reason.NOT_ENTITLED
    truth.held["cus_1"] = {"exports"}
    fresh.invalidate("cus_1")
    assert warm.has_feature("cus_1", "exports")  # it rests on the new table: what is raised there is raised for it


def test_the_question_that_finds_its_table_replaced_is_not_answered_from_it(process, tmp_path):
    """Rule 5: an old allow is served while one refresh runs behind; the refresh finds that nothing old stands."""
    clock = Clock()
    truth = Truth({"cus_1": {"exports"}})
    one = process(truth, clock=clock)
    assert one.has_feature("cus_1", "exports")
    clock.tick(400)  # beyond the ttl, within stale_while_revalidate
    shutil.rmtree(tmp_path / "shared")
    fresh = process(truth)
    truth.held["cus_1"] = set()
    fresh.invalidate("cus_1")
    decision = one.check("cus_1", "exports")
    assert (decision.reason, decision.source) == (Reason.NOT_ENTITLED, Source.FETCHED)


def test_where_no_table_can_be_had_it_can_t_be_told(process, tmp_path):
    """A change that can't be made known everywhere isn't acknowledged, and nothing is answered behind a lone fence."""
    truth = Truth({"cus_1": {"exports"}})
    ents = process(truth)
    assert ents.has_feature("cus_1", "exports")
    shutil.rmtree(tmp_path / "shared")
    (tmp_path / "shared").write_text("no directory")
    with pytest.raises(EntitlementsUnavailable, match="can't be made known to other processes") as refused:
        ents.invalidate("cus_1")
    assert refused.value.retry_after == 5
    decision = ents.check("cus_1", "exports")
    assert (decision.reason, "is no directory: name one" in decision.detail) == (Reason.UNAVAILABLE, True)
    (tmp_path / "shared").unlink()
    ents.invalidate("cus_1")
    assert ents.has_feature("cus_1", "exports")


@pytest.mark.parametrize("path", ["", 7, b"shared", "a\0b"])
def test_a_path_that_can_t_be_one_is_refused(path):
    """A wrong setting is named before anything is made."""
    with pytest.raises(InvalidSettings, match="shared_path is"):
        Entitlements(source=Truth(), shared_path=path)


def test_a_path_that_others_may_write_is_refused(tmp_path):
    """Where others could plant a table, nothing is read from it."""
    open_to_all = tmp_path / "shared"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(InvalidSettings, match="may be written in by others"):
        Entitlements(source=Truth(), shared_path=open_to_all)


def test_processes_of_a_host_share_one_budget(process):
    """The request budget is the host's: eight processes don't send eight times as much."""
    truth = Truth({f"cus_{number}": {"exports"} for number in range(100)})
    limits = Limits(requests_per_second=20, deadline=0.05)
    processes = [process(truth, limits=limits) for _ in range(4)]
    began = time.monotonic()
    for number in range(100):
        processes[number % 4].has_feature(f"cus_{number}", "exports")
    assert 15 <= len(truth.calls) <= 15 * (2 + int(time.monotonic() - began))  # the open lane gives 15 a second
