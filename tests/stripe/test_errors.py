from __future__ import annotations

import pickle

import pytest
from wire_server import Answer, Raw

from entitlements import stripe as wire
from entitlements.stripe import errors

KINDS = [
    (400, {"type": "invalid_request_error", "code": "parameter_missing", "param": "customer"}, wire.InvalidRequest),
    (400, {"type": "invalid_request_error", "code": "resource_missing", "param": "customer"}, wire.ResourceMissing),
    (404, {"type": "invalid_request_error", "code": "resource_missing", "param": "id"}, wire.ResourceMissing),
    (404, {"type": "invalid_request_error"}, wire.InvalidRequest),
    (400, {"type": "idempotency_error"}, wire.IdempotencyConflict),
    (409, {"type": "invalid_request_error", "code": "idempotency_key_in_use"}, wire.IdempotencyConflict),
    (401, {"type": "invalid_request_error", "code": "api_key_expired"}, wire.AuthenticationFailed),
    (402, {"type": "card_error", "code": "card_declined"}, wire.InvalidRequest),
    (403, {"type": "invalid_request_error"}, wire.PermissionDenied),
    (
        401,
        {"type": "invalid_request_error", "code": "resource_missing", "param": "customer"},
        wire.AuthenticationFailed,
    ),
    (403, {"type": "invalid_request_error", "code": "resource_missing", "param": "customer"}, wire.PermissionDenied),
    (409, {"type": "invalid_request_error", "code": "resource_missing", "param": "customer"}, wire.IdempotencyConflict),
    (429, {"type": "invalid_request_error", "code": "rate_limit"}, wire.RateLimited),
    (500, {"type": "api_error"}, wire.StripeServerError),
    (503, {"type": "api_error", "code": "resource_missing"}, wire.StripeServerError),
]


@pytest.mark.parametrize(("status", "envelope", "kind"), KINDS)
def test_each_error_has_its_type_and_keeps_what_stripe_said(server, stripe, status, envelope, kind):
    """Status, type, code, param and request id are on the error, which survives pickling whole."""
    server.always(Answer({"error": {**envelope, "message": "No."}}, status=status, headers={"Request-Id": "req_1"}))
    with pytest.raises(wire.StripeError) as raised:
        stripe.products.list()
    error = raised.value
    assert type(error) is kind
    assert (error.status, error.type, error.code, error.param, error.request_id) == (
        status,
        envelope["type"],
        envelope.get("code"),
        envelope.get("param"),
        "req_1",
    )
    assert str(error) == f"Stripe refused GET /v1/products with {status}: No. (request req_1)"
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (kind, str(error), vars(error))


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"null", b"[]", b'{"error": null}', b'{"error": "no"}', b'{"error": {"message": 5}}']
)
@pytest.mark.parametrize(("status", "kind"), [(400, wire.InvalidRequest), (500, wire.StripeServerError)])
def test_an_error_without_an_envelope_is_still_that_error(server, stripe, body, status, kind):
    """R58: what stands in front of Stripe answers in its own words; the status decides."""
    server.always(Answer(body, status=status))
    with pytest.raises(kind) as raised:
        stripe.products.list()
    assert str(raised.value) == f"Stripe refused GET /v1/products with {status}: it gave no readable reason"


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (400, b"{}")])
def test_r106_no_control_character_of_a_header_reaches_a_log(server, stripe, status, body):
    """What stands in front of Stripe may send anything for a request's id; an error is one printable line."""
    head = f"HTTP/1.1 {status} Whatever\r\nRequest-Id: req_1\x1b[2J\x85ERROR\r\nContent-Length: {len(body)}\r\n\r\n"
    server.always(Raw(head.encode("latin-1") + body))
    with pytest.raises(wire.StripeError) as raised:
        stripe.products.list()
    assert str(raised.value).isprintable()
    assert raised.value.request_id == "req_1�[2J�ERROR"


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name != "StripeError"])
def test_every_error_is_public_and_a_stripe_error(name):
    """One `except StripeError` catches them all, and each can be imported from `entitlements.stripe`."""
    assert getattr(wire, name) is getattr(errors, name)
    assert issubclass(getattr(errors, name), errors.StripeError)
    assert name in errors.__doc__
