"""Seven events in all their 5,040 orders, some twice and some of one second: they always end in one state."""

from __future__ import annotations

import itertools
import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from controlled import Clock, Truth
from signed import SECRET, event, signature

from entitlements import Entitlements, Limits
from entitlements.cache import fences

if TYPE_CHECKING:
    from collections.abc import Iterable

SEED = 5_040
STAMP = 1_795_000_000
ELEVEN = tuple(f"feature_{n:02}" for n in range(11))
KEYS = ("exports", "sso", "beta", "feature_00", "feature_10")
AT_LAST = frozenset({"exports", "feature_10"})  # in no event's payload, and no earlier state
GONE_BY = (0, 0, 0.5, 1, 3, 11, 100, 299, 400, 1_000, 5_000)  # seconds between two deliveries


@dataclass(frozen=True)
class Sent:
    """An event as Stripe sent it, and what the list said at that moment."""

    payload: bytes
    listed: frozenset[str]


def sent(number: int, second: int, type: str, listed: Iterable[str], **concerned: object) -> Sent:
    about = {"customer": "cus_1", **concerned}
    return Sent(event(type, id=f"evt_{number}", created=STAMP + second, data={"object": about}), frozenset(listed))


def summary(number: int, second: int, listed: Iterable[str]) -> Sent:
    """Tell of a change of features; the payload carries ten of them and says whether there are more."""
    keys = sorted(listed)
    carried = {
        "object": "list",
        "data": [{"object": "entitlements.active_entitlement", "lookup_key": key} for key in keys[:10]],
        "has_more": len(keys) > 10,
        "url": "/v1/customer/cus_1/entitlements",
    }
    return sent(number, second, "entitlements.active_entitlement_summary.updated", keys, entitlements=carried)


SEVEN = (
    sent(1, 0, "customer.created", (), id="cus_1"),
    sent(2, 0, "customer.subscription.created", ("exports",), id="sub_1", status="active"),
    summary(3, 0, ("exports", "sso")),
    sent(4, 5, "customer.subscription.updated", ("beta",), id="sub_1", status="past_due"),
    summary(5, 5, ELEVEN),
    sent(6, 5, "customer.subscription.deleted", (), id="sub_1", status="canceled"),
    summary(7, 9, ()),
)


def test_the_seven_are_what_they_are_meant_to_be():
    """Seven different events in three different seconds, one of them with more features than an event carries."""
    read = [json.loads(each.payload) for each in SEVEN]
    assert len({each["id"] for each in read}) == 7
    assert [each["created"] - STAMP for each in read] == [0, 0, 0, 5, 5, 5, 9]
    assert [each["data"]["object"].get("entitlements", {}).get("has_more") for each in read].count(True) == 1


@pytest.fixture(name="clock")
def _clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that ages are judged by, and the time of day that fences carry: both are moved together."""
    clock = Clock()
    monkeypatch.setattr(fences, "_shared", fences.Fences(wall=lambda: STAMP + clock()))
    return clock


def seen_by(ents: Entitlements) -> tuple[object, ...]:
    pinned = ents.for_customer("cus_1").pinned()
    return frozenset(pinned), pinned.unavailable, *(ents.has_feature("cus_1", key) for key in KEYS)


def seen(listed: frozenset[str]) -> tuple[object, ...]:
    return listed, False, *(key in listed for key in KEYS)


@pytest.mark.timeout(180)
def test_r30_r31_all_5_040_orders_of_seven_events_end_in_one_state(clock):
    """I11: the list decides. No event's payload, stamp, id or place among the others does.

    Each delivery finds another list than the one before, and questions in between leave snapshots of every age; yet
    each question, in between and at the end, through whichever instance, is answered by the list as it is.
    """
    chance = random.Random(SEED)
    truth = Truth()
    signatures = {each: signature(each.payload) for each in SEVEN}
    limits = Limits(requests_per_second=1e6, deadline=30)
    orders, ends = 0, set[object]()
    with (
        Entitlements("sk_test_1", source=truth, clock=clock, limits=limits, webhook_secrets=[SECRET]) as receiver,
        Entitlements("sk_test_1", source=truth, clock=clock, limits=limits) as other,
    ):
        instances = (receiver, other)
        for order in itertools.permutations(SEVEN):
            orders += 1
            deliveries = [*order]
            for again in chance.sample(SEVEN, 2):
                deliveries.insert(chance.randrange(len(deliveries) + 1), again)
            for place, each in enumerate(deliveries, 1):
                listed = AT_LAST if place == len(deliveries) else each.listed
                truth.held["cus_1"] = set(listed)
                receiver.handle_webhook(each.payload, signatures[each])
                clock.tick(chance.choice(GONE_BY))
                if chance.random() < 0.2:
                    assert seen_by(chance.choice(instances)) == seen(listed), (order, place)
            ends.add(tuple(seen_by(ents) for ents in instances))
    assert (orders, ends) == (5_040, {(seen(AT_LAST),) * 2})
