from __future__ import annotations

import pytest
from wire_server import Answer, Cut, Raw, Reset
from wire_stripe import missing

from entitlements.clocks import Deadline
from entitlements.errors import StripeError
from entitlements.stripe import (
    AuthenticationFailed,
    IdempotencyConflict,
    InvalidRequest,
    MalformedReply,
    PermissionDenied,
    RateLimited,
    StripeConnectionError,
    StripeServerError,
)
from entitlements.stripe.http import Http
from entitlements.stripe.retries import RetryBudget


class Waits:
    """Connections that note how long they would have slept, and charge for what they send."""

    def __init__(self, server, *, random=1.0, max_retries=2, capacity=10.0):
        self.slept = []
        self.charges = 0
        self.http = Http(
            "sk_test_1",
            api_base=server.url,
            max_retries=max_retries,
            budget=self,
            retry_budget=RetryBudget(capacity=capacity),
            sleep=self.slept.append,
            random=lambda: random,
        )

    def charge(self):
        self.charges += 1

    def get(self, seconds=30.0):
        return self.http.get("/v1/things", deadline=Deadline.after(seconds)).body


@pytest.fixture
def waits(server):
    waits = Waits(server)
    yield waits
    waits.http.close()


def refused(status, **headers):
    error = {"type": "api_error", "message": "No."}
    return Answer({"error": error}, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})


AGAIN = [
    (Reset(), StripeConnectionError),
    (Cut(Answer({"a": "whole"}), 3), StripeConnectionError),
    (Raw(b"SSH-2.0-nobody\r\n"), StripeConnectionError),
    (refused(409), IdempotencyConflict),
    (refused(429), RateLimited),
    (refused(500), StripeServerError),
    (refused(502), StripeServerError),
    (refused(503), StripeServerError),
    (Answer(b"<html>Bad gateway", status=502), StripeServerError),
    (refused(400, Stripe_Should_Retry="true"), InvalidRequest),
]
NEVER = [
    (refused(301, Location="/v1/elsewhere"), MalformedReply),
    (refused(400), InvalidRequest),
    (refused(401), AuthenticationFailed),
    (refused(402), InvalidRequest),
    (refused(403), PermissionDenied),
    (missing("thing", "id", status=404), InvalidRequest),
    (refused(409, Stripe_Should_Retry="false"), IdempotencyConflict),
    (refused(429, Stripe_Should_Retry="false"), RateLimited),
    (refused(500, Stripe_Should_Retry="false"), StripeServerError),
    (Answer(b"<html>Welcome"), MalformedReply),
    (Answer(b"[]"), MalformedReply),
]


@pytest.mark.parametrize(("act", "error"), AGAIN)
def test_what_may_pass_is_tried_twice_more(server, waits, act, error):
    """R58, R71: no answer, 409, 429, 5xx and `Stripe-Should-Retry` are retried, at growing intervals, then raised."""
    server.always(act)
    with pytest.raises(error):
        waits.get()
    assert (len(server.requests), waits.slept, waits.charges) == (3, [0.1, 0.2], 2)


@pytest.mark.parametrize(("act", "error"), AGAIN)
def test_a_retry_that_succeeds_is_an_answer(server, waits, act, error):
    """R71: one failure before a success is nobody's business."""
    server.then(act, Answer({"id": "it"}))
    assert waits.get() == {"id": "it"}
    assert (len(server.requests), waits.slept, waits.charges) == (2, [0.1], 1)


@pytest.mark.parametrize(("act", "error"), NEVER)
def test_what_will_not_pass_is_tried_once(server, waits, act, error):
    """R58, R71: what sending again won't change is raised at once, and `Stripe-Should-Retry: false` is obeyed."""
    server.always(act)
    with pytest.raises(error):
        waits.get()
    assert (len(server.requests), waits.slept, waits.charges) == (1, [], 0)


@pytest.mark.parametrize(
    ("retry_after", "slept"),
    [("1.5", [1.5]), ("0", [0.1]), ("nan", [0.1]), ("-3", [0.1]), ("soon", [0.1]), ("inf", [0.1])],
)
def test_retry_after_is_honoured(server, waits, retry_after, slept):
    """R71: where Stripe says how long to wait, that long is waited, and never less than the backoff."""
    server.then(refused(429, Retry_After=retry_after), Answer({}))
    assert waits.get() == {}
    assert waits.slept == slept


def test_a_retry_after_beyond_the_deadline_is_raised_now(server, waits):
    """R71: nobody waits for a retry that can't come in time."""
    reason = {"Retry_After": "3600", "Stripe_Rate_Limited_Reason": "endpoint-rate", "Request_Id": "req_7"}
    server.always(refused(429, **reason))
    with pytest.raises(RateLimited) as raised:
        waits.get(2.0)
    error = raised.value
    assert (error.retry_after, error.reason, error.request_id, error.status) == (3600.0, "endpoint-rate", "req_7", 429)
    assert (len(server.requests), waits.slept) == (1, [])


def test_the_backoff_is_jittered_and_capped(server):
    """R71: waits double up to two seconds, and are drawn between half and the whole."""
    waits = Waits(server, random=0.0, max_retries=7)
    server.always(refused(500))
    with pytest.raises(StripeServerError):
        waits.get()
    waits.http.close()
    assert waits.slept == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_retries_stay_within_a_tenth_of_the_requests(server):
    """R71: with every request failing, ten retries are granted, then one in ten requests."""
    waits = Waits(server)
    server.always(refused(500))
    for _ in range(200):
        with pytest.raises(StripeServerError):
            waits.get()
    waits.http.close()
    assert 200 + 29 <= len(server.requests) <= 200 + 30
    assert waits.charges == len(server.requests) - 200


def test_half_of_everything_failing_costs_a_tenth_more(server):
    """R71: under 50 % failure the load on Stripe stays below 1.2 times the calls, once the savings are spent."""
    waits = Waits(server, capacity=1.0)
    turns = iter(range(10_000))
    server.always(lambda _: refused(500) if next(turns) % 2 else Answer({}))
    for _ in range(300):
        try:
            waits.get()
        except StripeError:
            continue
    waits.http.close()
    assert len(server.requests) <= 300 * 1.1 + 2


def test_a_post_and_its_retries_share_one_idempotency_key(server, waits):
    """A POST is carried out once, however often it is sent; two POSTs never share a key."""
    server.then(refused(500), Reset(), Answer({}), Answer({}))
    for _ in range(2):
        waits.http.post("/v1/things", {"a": 1}, deadline=Deadline.after(9))
    keys = [seen.headers["idempotency-key"] for seen in server.requests]
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert [seen.form for seen in server.requests] == [{"a": "1"}] * 4


def test_only_a_post_has_an_idempotency_key(server, waits):
    """A given key is used; GET and DELETE carry none."""
    server.always(Answer({}))
    waits.http.post("/v1/things", deadline=Deadline.after(9), idempotency_key="order-1")
    waits.http.get("/v1/things", deadline=Deadline.after(9))
    waits.http.delete("/v1/things/1", deadline=Deadline.after(9))
    seen = [(each.method, each.headers.get("idempotency-key")) for each in server.requests]
    assert seen == [("POST", "order-1"), ("GET", None), ("DELETE", None)]
