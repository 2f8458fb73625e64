"""Time: trials, pauses, put-off cancellations, and test clocks that move on their own."""

from __future__ import annotations

import pytest
import stripe

from entitlements.emulator import Clock, Rules, StripeEmulator

DAY = 86_400
START = 1_750_000_000
SHOP = {
    "features": {"exports": "Data exports", "audit": "Audit log"},
    "products": {"pro": {"features": ["exports"], "prices": {"monthly": 29, "daily": {"price": 1, "interval": "day"}}}},
}
PAUSE = {"end_behavior": {"missing_payment_method": "pause"}}


@pytest.fixture
def emulator():
    with StripeEmulator(catalog=SHOP, clock=Clock(START)) as emulator:
        yield emulator


@pytest.fixture
def alice(client):
    return client.customers.create().id


def buy(client, customer, price="price_pro_monthly", **params):
    return client.subscriptions.create({"customer": customer, "items": [{"price": price}], **params})


@pytest.fixture
def told(client):
    """List what was told of subscriptions and entitlements, oldest first, with its time since the start."""

    def read():
        events = client.events.list({"limit": 100}).data[::-1]
        kinds = ("customer.subscription.", "entitlements.")
        return [
            (event.type.removeprefix("customer.subscription."), (event.created - START) / DAY)
            for event in events
            if event.type.startswith(kinds)
        ]

    return read


SUMMARY = "entitlements.active_entitlement_summary.updated"


def test_a_trial_is_told_of_three_days_before_it_ends(emulator, client, alice, told):
    """`trial_will_end` comes three days ahead, once, and then the trial turns into a paid period."""
    subscription = buy(client, alice, trial_period_days=7)
    emulator.advance(days=6)
    client.subscriptions.update(subscription.id, {"metadata": {"a": "b"}})
    emulator.advance(days=1)
    assert told() == [
        ("created", 0),
        (SUMMARY, 0),
        ("trial_will_end", 4),
        ("updated", 6),
        ("updated", 7),
    ]
    now = client.subscriptions.retrieve(subscription.id)
    assert (now.status, now["items"].data[0].current_period_start) == ("active", START + 7 * DAY)


def test_a_short_trial_and_one_that_is_ended_are_told_of_at_once(client, alice, told):
    """Where three days are not left, `trial_will_end` comes with the change itself."""
    buy(client, alice, trial_end=START + 2 * DAY)
    assert told() == [("created", 0), ("trial_will_end", 0), (SUMMARY, 0)]
    long = buy(client, client.customers.create().id, trial_period_days=30)
    ended = client.subscriptions.update(long.id, {"trial_end": "now"})
    assert (ended.status, ended.trial_end) == ("active", START)
    assert [kind for kind, _ in told()[-3:]] == [SUMMARY, "updated", "trial_will_end"]


def test_a_trial_is_made_longer(emulator, client, alice):
    """A new `trial_end` moves the trial's end and keeps its start."""
    subscription = buy(client, alice, trial_period_days=7)
    emulator.advance(days=3)
    longer = client.subscriptions.update(subscription.id, {"trial_end": START + 20 * DAY})
    assert (longer.status, longer.trial_start, longer.trial_end) == ("trialing", START, START + 20 * DAY)
    emulator.advance(days=16)
    assert client.subscriptions.retrieve(subscription.id).status == "trialing"
    emulator.advance(days=1)
    assert client.subscriptions.retrieve(subscription.id).status == "active"


@pytest.mark.parametrize("where", ["customer", "subscription"])
def test_a_trial_with_a_payment_method_goes_on(emulator, client, alice, where):
    """Whatever the trial's settings, it becomes active where a payment method is known."""
    if where == "customer":
        client.customers.update(alice, {"invoice_settings": {"default_payment_method": "pm_card_visa"}})
    params = {"default_payment_method": "pm_card_visa"} if where == "subscription" else {}
    subscription = buy(client, alice, trial_period_days=1, trial_settings=PAUSE, **params)
    emulator.advance(days=1)
    assert client.subscriptions.retrieve(subscription.id).status == "active"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"trial_end": START + 731 * DAY}, "trial_end"),
        ({"trial_end": START - 1}, "trial_end"),
        ({"trial_end": START + DAY, "trial_period_days": 1}, "trial_end"),
        ({"trial_period_days": 731}, "trial_period_days"),
        ({"cancel_at": START - 1}, "cancel_at"),
        (
            {"trial_settings": {"end_behavior": {"missing_payment_method": "wait"}}},
            "trial_settings[end_behavior][missing_payment_method]",
        ),
    ],
)
def test_a_time_that_makes_no_sense_is_refused(client, alice, params, param):
    """Ends in the past, too far away or said twice are refused."""
    with pytest.raises(stripe.InvalidRequestError) as refused:
        buy(client, alice, **params)
    assert (refused.value.http_status, refused.value.param) == (400, param)


def test_pausing_holds_still_and_resuming_goes_on(emulator, client, alice, told):
    """A paused subscription has no new periods and keeps its entitlements; resumed, it begins a period there."""
    subscription = buy(client, alice, "price_pro_daily")
    paused = client.subscriptions.pause(subscription.id)
    details = {"subscription": {"type": "pause_requested"}, "transitioned_at": START, "type": "subscription"}
    assert (paused.status, paused.status_details.to_dict()) == ("paused", {"paused": details})
    emulator.attach("pro", "audit")
    emulator.advance(days=5)
    assert emulator.entitlements(alice) == ("exports",)
    resumed = client.subscriptions.resume(subscription.id)
    item = resumed["items"].data[0]
    assert (resumed.status, "status_details" in resumed.to_dict()) == ("active", False)
    assert (item.current_period_start, item.current_period_end) == (START + 5 * DAY, START + 6 * DAY)
    assert emulator.entitlements(alice) == ("exports", "audit")  # a new period begins with today's catalogue
    pausing = [("updated", 0), ("paused", 0), ("updated", 5), ("resumed", 5), (SUMMARY, 5)]
    assert told() == [("created", 0), (SUMMARY, 0), *pausing]


def test_resuming_may_keep_the_old_anchor(emulator, client, alice):
    """With the anchor `unchanged`, a period that isn't over goes on, and renewals keep their day."""
    subscription = buy(client, alice)
    end = subscription["items"].data[0].current_period_end
    client.subscriptions.pause(subscription.id)
    emulator.advance(days=3)
    resumed = client.subscriptions.resume(subscription.id, {"billing_cycle_anchor": {"type": "unchanged"}})
    item = resumed["items"].data[0]
    assert (resumed.billing_cycle_anchor, item.current_period_start, item.current_period_end) == (START, START, end)


def test_pausing_what_can_not_be_paused_is_refused(emulator, client, alice):
    """What is paused, unpaid for the first time, or over can't be paused; what isn't paused can't be resumed."""
    subscription = buy(client, alice)
    with pytest.raises(stripe.InvalidRequestError, match="Only a paused subscription can be resumed"):
        client.subscriptions.resume(subscription.id)
    client.subscriptions.pause(subscription.id)
    with pytest.raises(stripe.InvalidRequestError, match="is paused can't be paused"):
        client.subscriptions.pause(subscription.id)
    by_invoice = buy(client, alice, collection_method="send_invoice", days_until_due=30)
    client.subscriptions.pause(by_invoice.id)
    with pytest.raises(stripe.InvalidRequestError, match="charged automatically"):
        client.subscriptions.resume(by_invoice.id)
    client.subscriptions.cancel(subscription.id)
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
        client.subscriptions.pause(subscription.id)


def test_a_requested_pause_may_be_told_to_withhold():
    """`Rules` can take entitlements from a subscription that was paused on request, and leave ended trials theirs."""
    rules = Rules(revoking_pauses=frozenset({"pause_requested"}))
    with StripeEmulator(catalog=SHOP, clock=Clock(START), rules=rules) as emulator:
        bob = emulator.customer()
        subscription = emulator.subscribe(bob, "price_pro_monthly")
        emulator.request("POST", f"/v1/subscriptions/{subscription}/pause")
        assert emulator.entitlements(bob) == ()
        emulator.request("POST", f"/v1/subscriptions/{subscription}/resume")
        assert emulator.entitlements(bob) == ("exports",)
        carol = emulator.customer()
        emulator.subscribe(carol, "price_pro_monthly", trial_period_days=1, trial_settings=PAUSE)
        emulator.advance(days=1)
        assert emulator.entitlements(carol) == ("exports",)


def test_a_pause_of_collection_ends_by_itself(emulator, client, alice):
    """`resumes_at` clears `pause_collection` when its moment comes."""
    subscription = buy(client, alice)
    pause = {"behavior": "void", "resumes_at": START + 3 * DAY}
    assert client.subscriptions.update(subscription.id, {"pause_collection": pause}).pause_collection.to_dict() == pause
    emulator.advance(days=3)
    assert client.subscriptions.retrieve(subscription.id).pause_collection is None


def test_a_first_payment_left_to_confirm_grants_nothing_and_expires(emulator, client, alice):
    """`default_incomplete` makes an incomplete subscription, which a payment activates and 23 hours end."""
    paid, unpaid = (buy(client, alice, payment_behavior="default_incomplete") for _ in range(2))
    assert (paid.status, emulator.entitlements(alice)) == ("incomplete", ())
    emulator.set_status(paid.id, "active")
    assert emulator.entitlements(alice) == ("exports",)
    emulator.advance(days=1)
    statuses = [client.subscriptions.retrieve(one.id).status for one in (paid, unpaid)]
    assert statuses == ["active", "incomplete_expired"]


def test_a_cancellation_comes_at_its_moment_whatever_the_state(emulator, client, alice, told):
    """`cancel_at` takes effect at its moment, also while paused."""
    subscription = buy(client, alice, cancel_at=START + 3 * DAY)
    client.subscriptions.pause(subscription.id)
    emulator.advance(days=3)
    ended = client.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.ended_at, emulator.entitlements(alice)) == ("canceled", START + 3 * DAY, ())
    assert told()[-2:] == [("deleted", 3), (SUMMARY, 3)]


# Test clocks


@pytest.fixture
def clock(client):
    return client.test_helpers.test_clocks.create({"frozen_time": START + 100 * DAY, "name": "mine"})


def test_a_test_clock_moves_its_customers_and_nobody_else(emulator, client, clock):
    """Trials, renewals and cancellations of the clock's customers happen on the way; the others' time stands still."""
    frozen = clock.frozen_time
    theirs = client.customers.create({"test_clock": clock.id})
    ours = client.customers.create()
    assert (theirs.created, theirs.test_clock, ours.created) == (frozen, clock.id, START)
    trial = buy(client, theirs.id, "price_pro_daily", trial_period_days=1, cancel_at=frozen + 2 * DAY)
    other = buy(client, ours.id, "price_pro_daily", trial_period_days=1)
    assert (trial.test_clock, trial.created, trial.trial_end) == (clock.id, frozen, frozen + DAY)
    moving = client.test_helpers.test_clocks.advance(clock.id, {"frozen_time": frozen + 2 * DAY})
    assert (moving.status, moving.frozen_time) == ("advancing", frozen)
    assert moving.status_details.advancing.target_frozen_time == frozen + 2 * DAY
    arrived = client.test_helpers.test_clocks.retrieve(clock.id)
    assert (arrived.status, arrived.frozen_time) == ("ready", frozen + 2 * DAY)
    ended = client.subscriptions.retrieve(trial.id)
    assert (ended.status, ended.ended_at) == ("canceled", frozen + 2 * DAY)
    assert client.subscriptions.retrieve(other.id).status == "trialing"
    assert (emulator.entitlements(theirs.id), emulator.entitlements(ours.id)) == ((), ("exports",))
    kinds = [event.type for event in client.events.list({"type": "test_helpers.test_clock.*"}).data]
    assert kinds == [f"test_helpers.test_clock.{name}" for name in ("ready", "advancing", "created")]
    emulator.advance(days=1)
    assert client.subscriptions.retrieve(other.id).status == "active"


def test_what_lives_under_a_clock_is_listed_only_when_asked_for(client, clock):
    """Lists of customers and subscriptions leave a clock's out unless its clock, or the customer, is named."""
    theirs = client.customers.create({"test_clock": clock.id}).id
    ours = client.customers.create().id
    first, second = buy(client, theirs).id, buy(client, ours).id
    assert [one.id for one in client.customers.list().data] == [ours]
    assert [one.id for one in client.customers.list({"test_clock": clock.id}).data] == [theirs]
    assert [one.id for one in client.subscriptions.list().data] == [second]
    assert [one.id for one in client.subscriptions.list({"test_clock": clock.id}).data] == [first]
    assert [one.id for one in client.subscriptions.list({"customer": theirs}).data] == [first]


def test_a_clock_goes_only_forward_and_not_too_far(client, clock):
    """Not back, not by more than two of the shortest intervals, and by two years with no subscription."""
    advance = client.test_helpers.test_clocks.advance
    for wanted in (clock.frozen_time, clock.frozen_time - 1, clock.frozen_time + 731 * DAY):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            advance(clock.id, {"frozen_time": wanted})
        assert (refused.value.http_status, refused.value.param) == (400, "frozen_time")
    customer = client.customers.create({"test_clock": clock.id}).id
    buy(client, customer, "price_pro_daily")
    with pytest.raises(stripe.InvalidRequestError, match="two intervals"):
        advance(clock.id, {"frozen_time": clock.frozen_time + 2 * DAY + 1})
    assert advance(clock.id, {"frozen_time": clock.frozen_time + 2 * DAY}).status == "advancing"


def test_a_deleted_clock_takes_its_customers_with_it(emulator, client, clock):
    """Deleting a clock deletes its customers and cancels what they have; so does its thirtieth day."""
    customer = client.customers.create({"test_clock": clock.id}).id
    subscription = buy(client, customer).id
    client.test_helpers.test_clocks.delete(clock.id)
    assert client.customers.retrieve(customer).deleted is True
    assert client.subscriptions.retrieve(subscription).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError, match="No such test_clock"):
        client.test_helpers.test_clocks.retrieve(clock.id)
    client.test_helpers.test_clocks.create({"frozen_time": START})
    emulator.advance(days=30)
    assert client.test_helpers.test_clocks.list().data == []


def test_an_existing_customer_can_be_given_a_clock_once(client, alice):
    """A customer without subscriptions may be attached; one with a clock or a subscription can't."""
    create = client.test_helpers.test_clocks.create
    clock = create({"frozen_time": START + DAY, "customer": alice})
    assert client.customers.retrieve(alice).test_clock == clock.id
    assert buy(client, alice).created == START + DAY
    bob = client.customers.create().id
    buy(client, bob)
    for customer in (alice, bob):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            create({"frozen_time": START, "customer": customer})
        assert refused.value.param == "customer"
    with pytest.raises(stripe.InvalidRequestError, match="No such test_clock: 'clock_x'"):
        client.customers.create({"test_clock": "clock_x"})


def test_the_past_under_a_clock_is_still_told_of(client, emulator):
    """Events of a clock that stands months back are in the list, for all its thirty days."""
    clock = client.test_helpers.test_clocks.create({"frozen_time": START - 200 * DAY})
    customer = client.customers.create({"test_clock": clock.id})
    event = client.events.list({"type": "customer.created"}).data[0]
    assert (event.data.object.id, event.created) == (customer.id, START - 200 * DAY)
    assert client.events.retrieve(event.id) == event
