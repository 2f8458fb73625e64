"""The webhook's blueprint, in applications that do this and that to requests; the rest is in test_webhook.py."""

from __future__ import annotations

import io
import json

import pytest
from flask import Flask, request
from signed import SECRET, event, signature
from web_wsgi import call

from entitlements import Entitlements, InvalidSettings
from entitlements.web.flask import FlaskEntitlements, webhook_blueprint

EVENT = event()
TAKEN = (200, b'{"received": true}')


@pytest.fixture
def ents():
    with Entitlements("sk_test_123", webhook_secrets=[SECRET]) as ents:
        yield ents


@pytest.fixture
def app():
    return Flask("shop")


def deliver(app, body=EVENT, path="/stripe/webhook", **environ):
    fields = {"HTTP_STRIPE_SIGNATURE": signature(EVENT), "CONTENT_TYPE": "text/plain"}
    reply = call(app, valid=False, method="POST", path=path, body=body, **{**fields, **environ})
    return reply.status, reply.body


@pytest.mark.parametrize("gated", [False, True])
def test_it_needs_nothing_around_it(app, ents, gated):
    """The blueprint takes events in an application with a FlaskEntitlements, hidden and all, and in one without."""
    app.register_blueprint(webhook_blueprint(ents))
    if gated:
        FlaskEntitlements(app, ents, customer=lambda: 1 / 0, hide=True)
    assert deliver(app) == TAKEN


@pytest.mark.parametrize(
    "reading",
    [
        lambda: request.form,
        lambda: request.get_json(silent=True),
        lambda: request.get_data(),
        lambda: request.get_data(cache=False),
        lambda: request.values,
        lambda: request.files,
        lambda: request.stream.read(),
    ],
    ids=["form", "json", "data", "data, uncached", "values", "files", "stream"],
)
@pytest.mark.parametrize(
    "kind", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_the_body_is_read_before_anybody_parses_it(app, ents, reading, kind):
    """Whatever an application's `before_request` makes of a body, the raw one was read before, and is verified."""
    seen = []
    app.before_request(lambda: seen.append(reading()))
    app.register_blueprint(webhook_blueprint(ents))
    assert deliver(app, CONTENT_TYPE=kind) == TAKEN
    assert len(seen) == 1


@pytest.mark.parametrize("most", [1, 64, 10_000_000])
def test_the_application_s_own_limit_stops_no_event(app, ents, most):
    """MAX_CONTENT_LENGTH is the application's for its forms; an event may have 256 KiB, and more is refused."""
    app.config["MAX_CONTENT_LENGTH"] = most
    app.register_blueprint(webhook_blueprint(ents))
    assert deliver(app) == TAKEN
    for length in (262_145, 262_146, 1_000_000):
        status, body = deliver(app, b"x" * length)
        assert (status, json.loads(body)["title"]) == (413, "Body too long")


def test_a_limit_of_ours_is_no_limit_for_others(app, ents):
    """Beside the webhook, an application's limit is what it was."""
    app.config["MAX_CONTENT_LENGTH"] = 4
    app.register_blueprint(webhook_blueprint(ents))
    app.post("/form")(lambda: str(len(request.get_data())))
    deliver(app)
    assert [deliver(app, body, "/form")[0] for body in (b"1234", b"12345")] == [200, 413]


@pytest.mark.parametrize("length", [0, 262_144, 262_145, 10_000_000])
def test_a_body_without_a_length_is_read_to_its_end_and_no_further(app, ents, length):
    """R93: what a server ends by itself, as a chunked body, is read whole, and refused as soon as it is too long."""
    app.register_blueprint(webhook_blueprint(ents))
    stream = io.BytesIO(b"x" * length)
    status, _ = deliver(app, stream, **{"wsgi.input_terminated": True})
    assert status == (413 if length > 262_144 else 400)
    assert stream.tell() <= 262_145
    assert deliver(app, io.BytesIO(EVENT), **{"wsgi.input_terminated": True}) == TAKEN


@pytest.mark.parametrize("length", ["-1", "+5", "9" * 5000, "1e3", "\u0665"])
def test_a_nonsense_length_reads_nothing_that_may_never_come(app, ents, length):
    """A Content-Length that is no number is refused like any body that isn't signed, and never waited for."""
    app.register_blueprint(webhook_blueprint(ents))

    class Endless:
        def read(self, size=-1):
            raise AssertionError("this would wait for ever")

    assert deliver(app, Endless(), CONTENT_LENGTH=length)[0] in {400, 413}


def test_a_body_cut_short_is_not_an_event(app, ents):
    """Half a body is refused, so that Stripe sends it again."""
    app.register_blueprint(webhook_blueprint(ents))
    assert deliver(app, io.BytesIO(EVENT[:-5]), CONTENT_LENGTH=str(len(EVENT)))[0] == 400


def test_the_blueprint_stands_where_it_is_put(app, ents):
    """`rule=`, `url_prefix=` and `name=` are the application's; a slash at the end makes no difference."""
    app.register_blueprint(webhook_blueprint(ents, rule="/hook"), url_prefix="/billing")
    app.register_blueprint(webhook_blueprint(ents, rule="/second/", name="second"))
    paths = ["/billing/hook", "/billing/hook/", "/second", "/second/", "/stripe/webhook"]
    assert [deliver(app, path=path)[0] for path in paths] == [200, 200, 200, 200, 404]


def test_only_post_is_delivered(app, ents):
    """Any other method is told which one is meant."""
    app.register_blueprint(webhook_blueprint(ents))
    client = app.test_client()
    for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH"):
        reply = client.open("/stripe/webhook", method=method)
        assert (reply.status_code, "POST" in reply.headers["Allow"]) == (405, True)


def test_what_is_no_instance_is_said_at_start():
    """R35: a blueprint that could verify nothing isn't made."""
    with pytest.raises(InvalidSettings):
        webhook_blueprint("whsec_123")
