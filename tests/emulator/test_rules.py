"""The pure rules: periods by the calendar, what happens next, and who is entitled."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entitlements.emulator import ApiError, StripeEmulator
from entitlements.emulator.lifecycle import Change, Rules, Source, Turn, changes, entitled, next_turn
from entitlements.emulator.periods import period_end

INTERVALS = ("day", "week", "month", "year")


def at(*date):
    return int(datetime(*date, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("anchor", "now", "interval", "count", "period"),
    [
        (at(2026, 1, 1), at(2026, 1, 1), "month", 1, (at(2026, 1, 1), at(2026, 2, 1))),
        (at(2026, 1, 31), at(2026, 2, 28), "month", 1, (at(2026, 2, 28), at(2026, 3, 31))),
        (at(2024, 2, 29), at(2025, 6, 1), "year", 1, (at(2025, 2, 28), at(2026, 2, 28))),
        (at(2026, 1, 31), at(2026, 5, 1), "month", 3, (at(2026, 4, 30), at(2026, 7, 31))),
        (at(2026, 1, 1), at(2026, 1, 15), "week", 2, (at(2026, 1, 15), at(2026, 1, 29))),
        (at(2016, 1, 1), at(2026, 1, 1, 12), "day", 1, (at(2026, 1, 1), at(2026, 1, 2))),
        (at(2026, 2, 1), at(2026, 1, 1), "month", 1, (at(2026, 2, 1), at(2026, 3, 1))),
    ],
)
def test_a_period_is_found_by_the_calendar(anchor, now, interval, count, period):
    """The last day of a short month stands in for the anchor's, without moving it."""
    assert period_end(anchor, now, interval, count) == period


@given(
    anchor=st.integers(at(2000, 1, 1), at(2030, 1, 1)),
    later=st.integers(0, 20 * 366 * 86_400),
    interval=st.sampled_from(INTERVALS),
    count=st.integers(1, 6),
)
def test_a_period_holds_its_moment_and_the_next_begins_where_it_ends(anchor, later, interval, count):
    """For any anchor, moment and interval: start <= now < end, and periods leave no gap."""
    start, end = period_end(anchor, anchor + later, interval, count)
    assert start <= anchor + later < end
    assert period_end(anchor, end, interval, count)[0] == end


@given(held=st.lists(st.sampled_from("abcdef"), unique=True), wanted=st.lists(st.sampled_from("abcdef"), unique=True))
def test_a_change_turns_what_is_held_into_what_is_wanted(held, wanted):
    """What is gained and lost is exactly the difference."""
    change = changes(held, wanted)
    assert (set(held) | set(change.gained)) - set(change.lost) == set(wanted)
    assert bool(change) == (set(held) != set(wanted))


def test_a_feature_is_granted_once_and_only_by_what_grants():
    """Sources in a granting status count, in their order, each feature once."""
    sources = [Source("paused", ("b", "a")), Source("incomplete", ("c",)), Source("active", ("a", "d"))]
    assert entitled(sources, Rules()) == ("b", "a", "d")
    assert entitled(sources, Rules(granting=frozenset({"incomplete"}))) == ("c",)
    assert changes(("a", "b"), ("b", "d")) == Change(gained=("d",), lost=("a",))


@pytest.mark.parametrize(
    ("fields", "ends", "turn"),
    [
        ({"status": "active"}, [300, 200], Turn(200, "renew")),
        ({"status": "active", "cancel_at": 200}, [200], Turn(200, "cancel")),
        ({"status": "active", "cancel_at": 400}, [200], Turn(200, "renew")),
        ({"status": "trialing", "trial_end": 100}, [100], Turn(100, "end_trial")),
        ({"status": "trialing", "trial_end": 100, "cancel_at": 100}, [100], Turn(100, "cancel")),
        ({"status": "paused", "trial_end": 100}, [100], None),
        ({"status": "canceled"}, [100], None),
        ({"status": "incomplete", "created": 100}, [], Turn(100 + 23 * 3_600, "expire")),
        ({"status": "paused", "cancel_at": 50}, [100], Turn(50, "cancel")),
        ({"status": "active", "pause_collection": {"resumes_at": 50}}, [100], Turn(50, "collect")),
    ],
)
def test_what_comes_next(fields, ends, turn):
    """A cancellation wins over a renewal of the same moment; what is paused or over waits for nobody."""
    assert next_turn({"cancel_at": None, "trial_end": None, **fields}, ends) == turn


# --- what Stripe leaves open is a setting ----------------------------------------------------------------------------

SHOP = {
    "features": {f"feature-{n:02}": f"Feature {n}" for n in range(12)},
    "products": {"pro": {"name": "Pro", "features": [f"feature-{n:02}" for n in range(12)], "price": 100}},
}


@pytest.mark.parametrize(("whole", "named"), [(False, 10), (True, 12)])
def test_how_much_of_the_former_state_an_event_names(whole, named):
    """`previous_attributes` holds ten entitlements, or all of them where that is asked for."""
    with StripeEmulator(catalog=SHOP, rules=Rules(previous_whole=whole), serve=False) as stripe:
        customer = stripe.customer()
        stripe.cancel(stripe.subscribe(customer, "pro"))
        newest = stripe.request("GET", "/v1/events", type="entitlements.*")["data"][0]
        before = newest["data"]["previous_attributes"]["entitlements"]["data"]
        assert (len(before), before[0]["lookup_key"]) == (named, "feature-11")


@pytest.mark.parametrize(("silent", "told"), [(False, 2), (True, 1)])
def test_whether_a_deletion_is_told_by_a_summary(silent, told):
    """A customer's deletion revokes; whether a summary event says so is a setting."""
    with StripeEmulator(catalog=SHOP, rules=Rules(silent_deletion=silent), serve=False) as stripe:
        customer = stripe.customer()
        stripe.subscribe(customer, "pro")
        stripe.request("DELETE", f"/v1/customers/{customer}")
        assert stripe.entitlements(customer) == ()
        assert len(stripe.request("GET", "/v1/events", type="entitlements.*")["data"]) == told


def test_whether_archived_features_are_listed_and_unknown_customers_hold_nothing():
    """Two more points that nobody has measured, each either way."""
    lenient = Rules(archived_in_lists=True, unknown_customers_hold_nothing=True)
    listing, path = "/v1/entitlements/features", "/v1/entitlements/active_entitlements"
    for rules, listed in ((Rules(), 0), (lenient, 1)):
        with StripeEmulator(rules=rules, serve=False) as stripe:
            feature = stripe.feature("exports")
            stripe.request("POST", f"{listing}/{feature}", active=False)
            assert len(stripe.request("GET", listing)["data"]) == listed
            assert len(stripe.request("GET", listing, archived=True)["data"]) == 1
            if listed:
                assert stripe.request("GET", path, customer="cus_nobody")["data"] == []
            else:
                with pytest.raises(ApiError, match="No such customer"):
                    stripe.request("GET", path, customer="cus_nobody")
