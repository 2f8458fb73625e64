from __future__ import annotations

import gzip
import json

import pytest
from wire_server import Answer, Raw, WireServer, page
from wire_stripe import CERTIFICATE, entitlement, tls

from entitlements.clocks import Deadline
from entitlements.errors import InvalidSettings
from entitlements.stripe import MalformedReply, Stripe, StripeTLSError
from entitlements.stripe.http import Http


def test_a_request_says_what_stripe_documents_and_nothing_else(server):
    """Each request carries the key, the version and the account, and asks for an uncompressed body."""
    server.always(Answer(page()))
    with Stripe("sk_test_1", api_base=server.url, stripe_account="acct_1") as stripe:
        stripe.products.list()
    (seen,) = server.requests
    agent = seen.headers["user-agent"]
    assert agent.startswith("entitlements/0.")
    assert (seen.method, seen.path, seen.query, seen.body) == ("GET", "/v1/products", {"limit": "100"}, b"")
    assert dict(seen.headers) == {
        "host": f"127.0.0.1:{server.port}",
        "authorization": "Bearer sk_test_1",
        "stripe-version": "2026-10-28.endive",
        "stripe-account": "acct_1",
        "user-agent": agent,
        "accept": "application/json",
        "accept-encoding": "identity",
    }


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308, 304])
def test_a_redirect_is_an_error_and_is_not_followed(server, stripe, status):
    """R56, M15: the key is sent to nobody but the base address, on no path but the one asked for."""
    server.always(Answer(b"", status=status, headers={"Location": f"{server.url}/v1/elsewhere"}))
    with pytest.raises(MalformedReply) as raised:
        stripe.products.list()
    assert raised.value.status == status
    assert [seen.path for seen in server.requests] == ["/v1/products"]


def test_the_environment_and_netrc_do_not_reach_the_request(server, stripe, monkeypatch, tmp_path):
    """R56: proxy variables, `.netrc` and CA variables neither redirect a request nor change its key."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password thief\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    server.always(Answer(page()))
    assert stripe.products.list() == ()
    assert server.requests[0].headers["authorization"] == "Bearer sk_test_123"


def test_no_cookie_is_kept(server, stripe):
    """What a proxy sets on one answer is not sent with the next request."""
    server.always(Answer(page(), headers={"Set-Cookie": "a=b; Path=/"}))
    stripe.products.list()
    stripe.products.list()
    assert "cookie" not in server.requests[1].headers


@pytest.mark.parametrize("bundle", [None, str(CERTIFICATE)])
def test_tls_is_verified(bundle):
    """R56: a certificate nobody vouches for is refused before the key is sent; a bundle of one's own is heeded."""
    with WireServer(tls=tls()) as server, Stripe("sk_test_1", api_base=server.url, ca_bundle=bundle) as stripe:
        server.always(Answer(page()))
        if bundle is None:
            with pytest.raises(StripeTLSError, match="SSLCertVerificationError"):
                stripe.products.list()
            assert server.requests == []
            assert server.connections == 1
        else:
            assert stripe.products.list() == ()
            assert stripe.products.list() == ()
            assert server.connections == 1


def test_a_certificate_for_another_host_is_refused():
    """R56: a good certificate for somebody else is no good."""
    with WireServer(tls=tls()) as server:
        base = server.url.replace("127.0.0.1", "127.0.0.2")
        with WireServer(tls=tls(), host="127.0.0.2", port=server.port), pytest.raises(StripeTLSError):
            Stripe("sk_test_1", api_base=base, ca_bundle=str(CERTIFICATE)).products.list()


@pytest.mark.parametrize(
    "base",
    [
        "http://api.stripe.com",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://0.0.0.0",
        "ftp://127.0.0.1",
        "api.stripe.com",
        "https://",
        "https://user:password@api.stripe.com",
        "https://api.stripe.com?x=1",
        "https://api.stripe.com#x",
        "https://api.stripe.com:99999",
        "https://api.stripe.com/\r\nX: y",
        "https://api stripe.com",
        "https://api..stripe.com",
        "https://*.stripe.com",
        "https://[::1",
        "https://\u0430pi.stripe.com",
        "",
        None,
        5,
    ],
)
def test_a_base_that_would_misdirect_the_key_is_refused(base):
    """R56: plain http is for this machine only, and an address that isn't one is found when it is set."""
    with pytest.raises(InvalidSettings, match="api_base") as raised:
        Stripe("sk_test_1", api_base=base)
    assert "password" not in str(raised.value)


@pytest.mark.parametrize(
    "base",
    ["http://127.0.0.1:1", "http://127.8.8.8", "http://[::1]:12111/", "http://LOCALHOST", "https://api.stripe.com/"],
)
def test_https_anywhere_and_http_on_this_machine_are_accepted(base):
    """R56: the emulator may be plain; everything else is TLS."""
    assert repr(Stripe("sk_test_1", api_base=base)) == f"Stripe({base.rstrip('/')!r}, Secret('sk_test_…'))"


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), None, "10", True])
def test_a_timeout_that_never_comes_is_refused(timeout):
    """R72: every call has a deadline; the setting can't take it away."""
    with pytest.raises(InvalidSettings, match="timeout"):
        Stripe("sk_test_1", timeout=timeout)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"x" * 2000),
        Answer(b"x" * 2000, headers={"Content-Length": "999999999999"}),
        Raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000),
        Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n"),
    ],
    ids=["sized", "boasting", "unsized", "chunked"],
)
def test_an_answer_without_end_is_an_error(server, answer):
    """R95: no more is read than a list can be long."""
    server.always(answer)
    http = Http("sk_test_1", api_base=server.url, longest=1000)
    with pytest.raises(MalformedReply, match="longer than 1000 bytes"):
        http.get("/v1/things", deadline=Deadline.after(5))
    http.close()


def test_a_chunked_answer_is_read(server, stripe):
    """An answer in chunks is an answer."""
    body = json.dumps(page(entitlement())).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:20], body[20:]))
    server.always(Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"))
    assert len(stripe.active_entitlements.list("cus_1")) == 1


def test_a_compressed_answer_is_not_unpacked(server, stripe):
    """R95: a body can't swell, since nothing is unpacked that was asked for as it is."""
    bomb = gzip.compress(json.dumps(page()).encode())
    server.always(Answer(bomb, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(MalformedReply, match="UTF-8"):
        stripe.products.list()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Welcome</html>",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"a": NaN}',
        b'{"a": 1, "a": 2}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": 1e999}',
        b"[" * 100_000,
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
    ],
    ids=repr,
)
def test_a_success_that_is_no_json_object_is_an_error(server, stripe, body):
    """R58, R95: HTML with 200, or JSON that can be read in two ways, is an error and never an empty list."""
    server.always(Answer(body[:200_000], headers={"Request-Id": "req_1"}))
    with pytest.raises(MalformedReply) as raised:
        stripe.products.list()
    assert (raised.value.status, raised.value.request_id) == (200, "req_1")
