from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import json
import time

import pytest
from flask import Flask
from web_asgi import Talk, call, http_scope, websocket_scope
from web_shelf import Shelf
from web_wsgi import Visit
from web_wsgi import call as wsgi_call

from entitlements import Entitlements, EntitlementsUnavailable, InvalidInput, InvalidSettings
from entitlements.web import asgi, wsgi
from entitlements.web.flask import webhook_blueprint
from entitlements.web.webhook import aanswer, answer

SECRET = "whsec_test"
MOST = 256 * 1024


def event(customer="cus_1", **more):
    summary = {"object": "entitlements.active_entitlement_summary", "customer": customer}
    members = {"id": "evt_1", "object": "event", "type": "entitlements.active_entitlement_summary.updated"}
    return json.dumps({**members, "livemode": False, "data": {"object": summary}, **more}).encode()


def signed(body, secret=SECRET, stamp=None):
    stamp = int(time.time()) if stamp is None else stamp
    return f"t={stamp},v1={hmac.new(secret.encode(), f'{stamp}.'.encode() + body, hashlib.sha256).hexdigest()}"


@pytest.fixture
def shelf():
    return Shelf(cus_1={"exports"})


@pytest.fixture
def ents(shelf):
    with Entitlements(source=shelf, webhook_secrets=["whsec_old", SECRET]) as ents:
        yield ents


def by_wsgi(ents, body=b"", signature="", method="POST", **environ):
    endpoint = wsgi.webhook_endpoint(ents)
    return wsgi_call(endpoint, body=body, method=method, HTTP_STRIPE_SIGNATURE=signature, **environ)


def by_asgi(ents, body=b"", signature="", method="POST", headers=()):
    given = [(b"stripe-signature", signature.encode("latin-1")), (b"content-length", str(len(body)).encode()), *headers]
    chunks = [body[at : at + 65_536] for at in range(0, len(body), 65_536)] or [b""]
    return asyncio.run(call(asgi.webhook_endpoint(ents), chunks=chunks, headers=given, method=method))


def by_flask(ents, body=b"", signature="", method="POST", **environ):
    app = Flask("shop")
    app.register_blueprint(webhook_blueprint(ents))
    path = "/stripe/webhook"
    return wsgi_call(app, body=body, method=method, path=path, HTTP_STRIPE_SIGNATURE=signature, **environ)


ways = pytest.mark.parametrize("post", [by_wsgi, by_asgi, by_flask])


# --- what is answered ------------------------------------------------------------------------------------------------


@ways
def test_an_event_changes_what_is_answered(ents, shelf, post):
    """An authentic event is answered 200, and the next question is answered from after it."""
    assert ents.has_feature("cus_1", "exports")
    shelf.held["cus_1"] = frozenset()
    body = event()
    reply = post(ents, body, signed(body))
    assert (reply.status, reply.headers["content-type"], reply.body) == (200, "application/json", b'{"received": true}')
    assert not ents.has_feature("cus_1", "exports")


@ways
def test_an_event_is_acknowledged_without_asking_stripe(ents, shelf, post):
    """R80: Stripe hangs, and the webhook is answered within 200 ms all the same."""
    shelf.open.clear()
    body = event()
    begun = time.perf_counter()
    assert post(ents, body, signed(body)).status == 200
    assert time.perf_counter() - begun < 0.2
    assert shelf.fetches == []
    shelf.open.set()


BAD = {
    "no signature": (event(), ""),
    "another secret": (event(), signed(event(), "whsec_other")),
    "another body": (event("cus_2"), signed(event())),
    "an old time": (event(), signed(event(), stamp=1)),
    "a future time": (event(), signed(event(), stamp=4_000_000_000)),
    "an absurd time": (event(), "t=" + "9" * 5000 + ",v1=00"),
    "no time": (event(), "v1=00"),
    "two headers": (event(), f"{signed(event())}, {signed(event())}"),
    "not ASCII": (event(), "t=1,v1=\xfc\xff"),
    "100,000 signatures": (event(), "t=1" + ",v1=" + ",v1=".join(["0" * 64] * 100_000)),
    "nothing": (b"", signed(b"")),
    **{
        f"the body {body[:20]!r}": (body, signed(body))
        for body in [b"null", b"1", b"[]", b'"x"', b"{}", b"[" * 100_000, b"9" * 5000, b"\xff\xfe", b'{"id": "evt_1"}']
    },
}


@ways
@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_trusted_or_read_is_answered_400(ents, post, case):
    """R93, R94, M16, M18: whatever is sent, the answer is 400 with a reason, and no secret in it."""
    body, signature = BAD[case]
    reply = post(ents, body, signature)
    assert reply.status == 400
    assert {**reply.problem, "detail": ""} == {
        "type": "urn:entitlements:webhook",
        "title": "Event refused",
        "status": 400,
        "detail": "",
    }
    assert b"whsec_" not in reply.body
    assert reply.headers["cache-control"] == "private, no-store"


@ways
def test_a_signature_is_found_behind_others(ents, post):
    """R94: a header that isn't ASCII in one place still verifies by the signature in another."""
    body = event()
    stamp, good = signed(body).split(",")
    assert post(ents, body, f"{stamp},v1=\xfc,{good}").status == 200


@pytest.mark.parametrize("post", [by_wsgi, by_asgi])  # frameworks route by method, and say it in their own words
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
def test_only_post_is_taken(ents, post, method):
    """Whoever opens the address in a browser is told how it is used."""
    reply = post(ents, method=method)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert (reply.body == b"") is (method == "HEAD")


@ways
def test_a_body_may_be_as_long_as_the_limit_and_no_longer(ents, post):
    """R93: 256 KiB are read, one byte more is 413."""
    body = event().ljust(MOST)
    assert post(ents, body, signed(body)).status == 200
    longer = body + b" "
    assert post(ents, longer, signed(longer)).problem["status"] == 413


@ways
def test_the_raw_bytes_count(ents, post):
    """R82: odd spacing, odd characters and odd order are verified as they came."""
    body = (
        b'\n{ "livemode":false,"data":{"object":{"customer":"cus_1"}} ,"x":"\xc3\xbc\\u00fc", "id":"evt_\\u0031",\r\n'
    )
    body += b'"type":"entitlements.active_entitlement_summary.updated"}'
    assert post(ents, body, signed(body)).status == 200


class Torn(Entitlements):
    """An instance that can't make a change known everywhere."""

    def handle_webhook(self, payload, signature):
        super().handle_webhook(payload, signature)
        raise EntitlementsUnavailable(message="redis://10.0.0.1 is down", retry_after=3.5)


@ways
def test_a_change_that_could_not_be_spread_is_sent_again(shelf, post):
    """An event whose fence couldn't be raised everywhere is answered 503, so that Stripe sends it again."""
    body = event()
    with Torn(source=shelf, webhook_secrets=[SECRET]) as torn:
        reply = post(torn, body, signed(body))
    assert (reply.status, reply.headers["retry-after"]) == (503, "4")
    assert b"redis" not in reply.body


@ways
def test_without_a_secret_nothing_is_trusted(shelf, post):
    """An instance that was given no secret believes nobody."""
    with Entitlements(source=shelf) as ents:
        assert post(ents, event(), signed(event())).status == 400


def test_both_twins_answer_alike(ents):
    """Frameworks use the answer itself, awaited or not."""
    body = event()
    for given in [
        ("POST", body, signed(body)),
        ("POST", body, "t=1"),
        ("GET", b"", ""),
        ("POST", b" " * (MOST + 1), ""),
    ]:
        assert answer(ents, *given) == asyncio.run(aanswer(ents, *given))


@pytest.mark.parametrize("module", [wsgi, asgi])
def test_an_endpoint_needs_an_instance(module):
    """An endpoint that can't work says so at start."""
    with pytest.raises(InvalidSettings, match="entitlements"):
        module.webhook_endpoint("whsec_test")


# --- how it is read --------------------------------------------------------------------------------------------------


class Pipe(io.RawIOBase):
    """A connection that gives a few bytes at a time, and at the end waits for ever: reading on is a failure."""

    def __init__(self, body=b"", *, ends=False):
        self.body, self.ends, self.read_bytes = body, ends, 0

    def read(self, size):
        assert size >= 0, "an unbounded read"
        chunk, self.body = self.body[: min(size, 1000)], self.body[min(size, 1000) :]
        assert chunk or self.ends, "a read that would never return"
        self.read_bytes += len(chunk)
        return chunk

    def readline(self, size=-1):
        raise AssertionError

    readlines = __iter__ = readline


def test_wsgi_reads_what_is_declared_and_no_further(ents):
    """R93: a server that waits for ever past the end of the body is never asked for more."""
    body = event()
    assert by_wsgi(ents, Pipe(body + b"the next request"), signed(body), CONTENT_LENGTH=str(len(body))).status == 200


@pytest.mark.parametrize("length", ["", "abc", "-1", "+5", "1_0", "٣", "0"])
def test_wsgi_reads_nothing_where_nothing_is_declared(ents, length):
    """R93: without a usable Content-Length, and without a server that ends the stream, there is no body."""
    assert by_wsgi(ents, Pipe(event()), signed(event()), CONTENT_LENGTH=length, valid=False).status == 400


@pytest.mark.parametrize("length", [str(MOST + 1), "9" * 15, "9" * 5000])
def test_wsgi_reads_nothing_of_what_is_declared_too_long(ents, length):
    """R93: a body that says it is too long is refused before a byte of it is read."""
    assert by_wsgi(ents, Pipe(), CONTENT_LENGTH=length, valid=False).status == 413


def test_wsgi_reads_a_chunked_body(ents):
    """R93: a body without a length is read to its end where the server marks it."""
    body = event()
    chunked = {"wsgi.input_terminated": True}
    assert by_wsgi(ents, Pipe(body, ends=True), signed(body), **chunked).status == 200
    endless = Pipe(b"x" * 10 * MOST)
    assert by_wsgi(ents, endless, "t=1", **chunked).status == 413
    assert endless.read_bytes == MOST + 1


def test_wsgi_takes_a_body_cut_short_for_what_it_is(ents):
    """R93: fewer bytes than declared verify no more than any other change."""
    body = event()
    assert by_wsgi(ents, Pipe(body[:-1], ends=True), signed(body), CONTENT_LENGTH=str(len(body))).status == 400


def test_wsgi_copes_without_a_header(ents):
    """A request without `Stripe-Signature` is refused, not a failure."""
    visit = Visit(wsgi.webhook_endpoint(ents), method="POST", body=event())
    visit.begin()
    visit.end()
    assert visit.reply().status == 400


def test_asgi_keeps_no_more_than_it_may(ents):
    """R93: a body that goes on for ever is refused at the limit, and not waited for."""
    talk = Talk(*[{"type": "http.request", "body": b"x" * 1000, "more_body": True}] * 300)
    asyncio.run(asgi.webhook_endpoint(ents)(http_scope(method="POST"), talk.receive, talk.send))
    assert talk.reply().status == 413
    assert len(talk.incoming) == 300 - 263


def test_asgi_reads_nothing_of_what_is_declared_too_long(ents):
    """R93: a body that says it is too long is refused before a byte of it is read."""
    talk = Talk({"type": "http.request", "body": b"x"})
    scope = http_scope(method="POST", headers=[(b"content-length", b"262145")])
    asyncio.run(asgi.webhook_endpoint(ents)(scope, talk.receive, talk.send))
    assert (talk.reply().status, len(talk.incoming)) == (413, 1)


@pytest.mark.parametrize("length", [b"", b"abc", b"-1", b"5", b"\xb2", b"0"])
def test_asgi_believes_the_body_more_than_its_length(ents, length):
    """R93: a wrong Content-Length that a server let through changes nothing."""
    body = event()
    headers = [(b"stripe-signature", signed(body).encode()), (b"content-length", length)]
    assert asyncio.run(call(asgi.webhook_endpoint(ents), chunks=[body], headers=headers, method="POST")).status == 200


def test_asgi_reads_a_body_in_any_pieces(ents):
    """R82: empty pieces, pieces of a byte, and messages that leave out what they may."""
    body = event()
    pieces = [{"type": "http.request", "body": body[at : at + 1], "more_body": True} for at in range(len(body))]
    talk = Talk({"type": "http.request", "more_body": True}, *pieces, {"type": "http.request"})
    scope = http_scope(method="POST", headers=[(b"Stripe-Signature", signed(body).encode())])
    asyncio.run(asgi.webhook_endpoint(ents)(scope, talk.receive, talk.send))
    assert talk.reply().status == 200


def test_asgi_waits_for_a_body_only_so_long(ents):
    """R93: a body that trickles is left at the deadline, and answered so that Stripe sends it again."""
    talk = Talk({"type": "http.request", "body": b"{", "more_body": True})
    asyncio.run(asgi.webhook_endpoint(ents, read_deadline=0.05)(http_scope(method="POST"), talk.receive, talk.send))
    assert talk.reply().problem["status"] == 408


def test_asgi_says_nothing_to_who_has_gone(ents):
    """A client that disconnects in the middle of its body is neither answered nor believed."""
    talk = Talk({"type": "http.request", "body": event(), "more_body": True}, {"type": "http.disconnect"})
    asyncio.run(asgi.webhook_endpoint(ents)(http_scope(method="POST"), talk.receive, talk.send))
    assert talk.sent == []


@pytest.mark.parametrize("scope", [websocket_scope(), {"type": "lifespan"}, {"type": "webtransport"}])
def test_asgi_takes_requests_only(ents, scope):
    """R16: what is no request is refused with a clear error."""
    with pytest.raises(InvalidInput, match=scope["type"]):
        asyncio.run(asgi.webhook_endpoint(ents)(scope, None, None))
