"""R01 to R21 and R82 behind real WSGI servers: each in a process of its own, each with Flask and with none."""

from __future__ import annotations

import json
from itertools import product

import pytest
from web_served import served

from entitlements.testing import gate_contract
from entitlements.testing.gate_contract import Ask
from entitlements.testing.path_variants import path_variants

HTML = "text/html,*/*;q=0.8"
PAGES = ("/gated", "/gated/report", "/async", "/class", "/stream")
STATUSES = {"one": 200, "both": 200, "none": 402, "nobody": 403, "new": 402, "unsure": 503, None: 403}
EACH = list(product(["gunicorn", "waitress"], ["flask", "bare"]))


@pytest.fixture(scope="module", params=EACH, ids="-".join)
def exchange(request, tmp_path_factory):
    with served(*request.param, tmp_path_factory.mktemp("server")) as exchange:
        yield exchange


@pytest.fixture
def ran(exchange):
    def ran():
        return json.loads(exchange(Ask("/tests/ran")).body)

    ran()
    return ran


@pytest.mark.parametrize("who", STATUSES)
@pytest.mark.parametrize("path", PAGES)
def test_the_body_runs_for_whoever_may_and_for_nobody_else(exchange, ran, path, who):
    """Through a real server: entitled 200, not entitled 402, nobody 403, cannot tell 503; kept out of caches."""
    reply = exchange(Ask(path, who))
    assert (reply.status, ran()) == (STATUSES[who], [path] if STATUSES[who] == 200 else [])
    assert reply.headers["cache-control"] == "private, no-store"
    if path == "/stream" and reply.status == 200:
        assert reply.body == b"this is /streamthe end"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", PAGES)
def test_no_method_passes_the_gate(exchange, ran, path, method):
    """R18: whatever the verb, and whatever a header says of it, the gated body doesn't run."""
    for override in ({}, {"X-HTTP-Method-Override": "GET"}, {"X-HTTP-Method": "OPTIONS"}):
        reply = exchange(Ask(path, "none", method, override))
        assert reply.status in {402, 405} or (method, reply.status) == ("OPTIONS", 200)
        assert reply.body == b"" or method != "HEAD"
    assert ran() == []


def test_of_500_ways_to_write_a_path_none_goes_round_the_gate(exchange, ran):
    """Whatever a server makes of a path, what leads to the endpoint leads through its gate."""
    for path in path_variants("/gated/report", 500):
        exchange(Ask(path, "none"))
    assert ran() == []
    assert exchange(Ask("/gated/report", "one")).status == 200
    assert ran() == ["/gated/report"]


def test_refusals_come_as_they_are_meant(exchange, ran):
    """A page is redirected to what sells it, a form is not, HEAD has no body, what is hidden isn't there."""
    page = exchange(Ask("/gated?y=1", "none", headers={"Accept": HTML}))
    assert (page.status, page.headers["location"]) == (303, "/pricing?feature=exports&next=%2Fgated%3Fy%3D1")
    assert exchange(Ask("/gated", "none", "POST", {"Accept": HTML})).status == 402
    get, head = (exchange(Ask("/gated", "none", method)) for method in ("GET", "HEAD"))
    assert json.loads(get.body)["reason"] == "not_entitled"
    assert (head.status, head.headers["content-length"], head.body) == (402, str(len(get.body)), b"")
    assert exchange(Ask("/hidden", "none")).status == exchange(Ask("/other", "none")).status == 404
    assert exchange(Ask("/hidden", "unsure")).status == 503
    assert ran() == []


@pytest.mark.parametrize("oddity", ["plain", "gzip", "charset", "escapes"])
def test_a_webhook_verifies_whatever_its_body_looks_like(exchange, oddity):
    """R82: packed by a proxy, in another charset, with unicode escapes: it is verified on its own bytes, and counts."""
    payload, body, headers = gate_contract._odd(oddity)
    exchange(Ask("/tests/restore"))
    assert exchange(Ask("/gated", "one")).status == 200
    exchange(Ask("/tests/revoke"))
    for signed, status in ((payload + b" ", 400), (payload, 200)):
        assert exchange(Ask("/gated", "one")).status == 200
        signature = {"Stripe-Signature": gate_contract._signature(signed)}
        assert exchange(Ask("/stripe/webhook", None, "POST", {**headers, **signature}, body)).status == status
    assert exchange(Ask("/gated", "one")).status == 402
    exchange(Ask("/tests/restore"))


def test_a_webhook_in_chunks_is_read_to_its_end(exchange):
    """R93: a body without a length, as a proxy may send it, is verified whole, and refused when it is too long."""
    payload, _, headers = gate_contract._odd("plain")
    chunked = {**headers, "Transfer-Encoding": "chunked", "Stripe-Signature": gate_contract._signature(payload)}
    for sent, status in ((payload, 200), (payload + b" ", 400), (b"x" * 262_145, 413)):
        pieces = [sent[at : at + 10_000] for at in range(0, len(sent), 10_000)]
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in [*pieces, b""])
        assert exchange(Ask("/stripe/webhook", None, "POST", chunked, body)).status == status
