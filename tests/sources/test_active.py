from __future__ import annotations

import pytest
from wire_server import Answer, Hang, WireServer, page
from wire_stripe import entitlement, entitlements, missing, paged

from entitlements.clocks import Deadline
from entitlements.errors import StripeError
from entitlements.sources.active import ActiveEntitlements
from entitlements.sources.contract import Holding
from entitlements.stripe import ResourceMissing, Stripe, StripeTimeout


@pytest.fixture
def server():
    with WireServer() as server:
        yield server


@pytest.fixture
def source(server):
    with Stripe("sk_test_1", api_base=server.url, max_retries=0) as stripe:
        yield ActiveEntitlements(stripe)


def soon():
    return Deadline.after(5)


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_a_holding_is_every_page(server, source, count):
    """I4: a customer holds what all the pages say, and the last request vouches for it."""
    server.always(paged(entitlements(count)))
    keys = frozenset(f"key-{number}" for number in range(count))
    assert source.fetch("cus_1", soon()) == Holding(
        keys, known=True, request_id=f"req_{max(count - 1, 0) // 100 * 100}"
    )
    assert {seen.query["customer"] for seen in server.requests} == {"cus_1"}


@pytest.mark.parametrize("status", [400, 404])
def test_a_customer_stripe_does_not_know_is_unknown(server, source, status):
    """Nobody of that name is an answer: nothing held, and not known."""
    server.always(missing("customer: 'cus_1'", "customer", status=status))
    assert source.fetch("cus_1", soon()) == Holding(frozenset(), known=False, request_id="req_missing")


@pytest.mark.parametrize("param", ["id", "starting_after", "limit"])
def test_anything_else_missing_is_an_error(server, source, param):
    """R61: only the customer's own absence says anything about the customer."""
    server.always(missing("thing", param))
    with pytest.raises(ResourceMissing):
        source.fetch("cus_1", soon())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 503])
def test_an_error_is_never_an_empty_set(server, source, status):
    """I5, R58: a refusal without Stripe's word that the customer is missing is an error."""
    server.always(Answer({"error": {"type": "invalid_request_error", "param": "customer"}}, status=status))
    with pytest.raises(StripeError):
        source.fetch("cus_1", soon())


def test_a_key_held_twice_is_one_key(server, source):
    """A lookup key used again after its feature was archived may be held by way of both features."""
    server.always(Answer(page(entitlement(1, lookup_key="sso"), entitlement(2, lookup_key="sso"))))
    assert source.fetch("cus_1", soon()) == Holding(frozenset({"sso"}))


def test_the_deadline_ends_a_fetch(server, source):
    """R72: a source gives up by the deadline it was given."""
    server.then(Answer(page(entitlement(), has_more=True)), Hang())
    with pytest.raises(StripeTimeout):
        source.fetch("cus_1", Deadline.after(0.2))
