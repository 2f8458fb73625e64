"""The event list, by the page: what is asked, what comes back, and what is refused."""

from __future__ import annotations

import pytest
from wire_server import Answer, page
from wire_stripe import missing, paged

from entitlements.clocks import Deadline
from entitlements.emulator import Clock, StripeEmulator
from entitlements.errors import InvalidInput
from entitlements.stripe import Event, EventPage, MalformedReply, ResourceMissing, Stripe, StripeError

TYPES = ["customer.created", "customer.deleted"]


def event(number=1, **changes):
    return {
        "id": f"evt_{number}",
        "object": "event",
        "created": 1_700_000_000 + number,
        "data": {"object": {"id": f"cus_{number}", "object": "customer"}},
        "livemode": False,
        "type": "customer.created",
        **changes,
    }


def test_one_page_is_one_request(server, stripe):
    """A page is asked for as Stripe documents it, and comes back as a value that says whether more follow."""
    server.always(Answer(page(event(2), event(1), has_more=True), headers={"Request-Id": "req_1"}))
    found = stripe.events.page(types=TYPES, created_from=1_700_000_000, starting_after="evt_3", limit=2)
    assert found == EventPage((Event.model_validate(event(2)), Event.model_validate(event(1))), True, "req_1")
    stripe.events.page(types=("customer.deleted",))
    assert [(seen.method, seen.path, dict(seen.query)) for seen in server.requests] == [
        (
            "GET",
            "/v1/events",
            {
                "types[0]": "customer.created",
                "types[1]": "customer.deleted",
                "created[gte]": "1700000000",
                "starting_after": "evt_3",
                "limit": "2",
            },
        ),
        ("GET", "/v1/events", {"types[0]": "customer.deleted", "limit": "100"}),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"types": []},
        {"types": "customer.created"},
        {"types": None},
        {"types": {"customer.created"}},
        {"types": ["x"] * 21},
        {"types": [None]},
        {"types": [""]},
        {"types": ["a b"]},
        {"limit": 0},
        {"limit": 101},
        {"limit": True},
        {"limit": "10"},
        {"limit": None},
        {"created_from": -1},
        {"created_from": 1.5},
        {"created_from": "1700000000"},
        {"created_from": 10**30},
        {"starting_after": ""},
        {"starting_after": 7},
        {"starting_after": "evt 1"},
    ],
)
def test_arguments_that_can_not_be_right_are_refused_before_any_request(server, stripe, wrong):
    """R11: no types would ask for every event there is; what can't be right is told here, and nothing is sent."""
    with pytest.raises(InvalidInput):
        stripe.events.page(**{"types": TYPES, **wrong})
    assert server.requests == []


def test_twenty_types_and_the_ends_of_each_range_pass(server, stripe):
    """What Stripe allows at most, and at least, is sent."""
    server.always(Answer(page()))
    stripe.events.page(types=[f"type.{number}" for number in range(20)], created_from=0, limit=1)
    stripe.events.page(types=TYPES, limit=100)
    assert [seen.query["limit"] for seen in server.requests] == ["1", "100"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        page(object="search_result"),
        {**page(), "data": None},
        {**page(), "has_more": "false"},
        page(has_more=True),
        page(livemode=True),
        page(event(livemode=True)),
        page(event(1), event(1)),
        page(None),
        page(event(object="customer")),
        page(event(id="")),
        page(event(created="1700000000")),
        page(event(data={})),
        page(event(data={"object": "cus_1"})),
        page(event(type=None)),
    ],
)
def test_a_page_that_is_not_what_stripe_documents_is_an_error(server, stripe, body):
    """R60, R62, R95: nothing is concluded from a page that is empty, ends nowhere, or is of the other mode."""
    server.always(Answer(body, headers={"Request-Id": "req_1"}))
    with pytest.raises(MalformedReply) as raised:
        stripe.events.page(types=TYPES)
    assert raised.value.request_id == "req_1"
    assert len(server.requests) == 1


def test_a_cursor_that_is_gone_is_told_from_anything_else_that_is(server, stripe):
    """R61: the error says that it is about the cursor, by the parameter or by the id in its words."""
    unnamed = {"type": "invalid_request_error", "code": "resource_missing", "message": "No such event: 'evt_9'"}
    server.then(missing("event", "starting_after"), Answer({"error": unnamed}, status=400), missing("event", "types"))
    concerned = []
    for _ in range(3):
        with pytest.raises(ResourceMissing) as raised:
            stripe.events.page(types=TYPES, starting_after="evt_9")
        concerned.append(raised.value.concerns("starting_after", "evt_9"))
    assert concerned == [True, True, False]


def test_a_deadline_of_ones_own_replaces_the_timeout(server, stripe):
    """A page takes the moment by which it has to be there."""
    with pytest.raises(StripeError, match="deadline"):
        stripe.events.page(types=TYPES, deadline=Deadline.after(-1))
    assert server.requests == []


def test_pages_follow_each_other_by_the_last_event(server, stripe):
    """Read on from the last id of each page, a list is seen whole and nothing of it twice."""
    server.always(paged([event(number) for number in range(250, 0, -1)]))
    ids, cursor = [], None
    while True:
        found = stripe.events.page(types=TYPES, starting_after=cursor)
        ids += [each.id for each in found.events]
        if not found.has_more:
            break
        cursor = found.events[-1].id
    assert ids == [f"evt_{number}" for number in range(250, 0, -1)]
    assert len(server.requests) == 3


def test_the_emulator_s_events_are_read_by_type_and_time():
    """Against a Stripe that keeps state: the types asked for, from a second on, newest first."""
    with (
        StripeEmulator(clock=Clock(start=1_700_000_000)) as emulator,
        Stripe(emulator.api_key, api_base=emulator.url) as stripe,
    ):
        first = emulator.customer()
        emulator.request("POST", "/v1/products", name="Pro")
        emulator.advance(seconds=10)
        second = emulator.customer()
        every = stripe.events.page(types=TYPES)
        late = stripe.events.page(types=TYPES, created_from=1_700_000_001)
        rest = stripe.events.page(types=TYPES, starting_after=every.events[0].id)
        short = stripe.events.page(types=TYPES, limit=1)
    assert [each.data.object["id"] for each in every.events] == [second, first]
    assert [each.created for each in every.events] == [1_700_000_010, 1_700_000_000]
    assert ([each.data.object["id"] for each in late.events], late.has_more) == ([second], False)
    assert [each.data.object["id"] for each in rest.events] == [first]
    assert (len(short.events), short.has_more) == (1, True)
