from __future__ import annotations

import socket
import time

import pytest
from freezegun import freeze_time
from wire_server import Answer, Drip, Hang, WireServer, page
from wire_stripe import CERTIFICATE, entitlement, tls

from entitlements.clocks import Deadline, real_now
from entitlements.stripe import Stripe, StripeTimeout

WHOLE = Answer(page(entitlement()))
CLOSING = Answer(page(entitlement()), headers={"Connection": "close"})
UNSIZED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"


def seconds_until_timeout(stripe, allowed):
    begun = real_now()
    with pytest.raises(StripeTimeout):
        stripe.active_entitlements.list("cus_1", deadline=Deadline.after(allowed))
    return real_now() - begun


@pytest.mark.parametrize(
    "act",
    [
        Drip(WHOLE, part="header"),
        Drip(WHOLE, part="body"),
        Drip(CLOSING, part="body"),
        Hang(),
        Hang(b"HTTP/1.1 200"),
        Hang(UNSIZED + b'{"object": "list"'),
        Hang(UNSIZED),
        Hang(b"HTTP/1.1 100 Continue\r\n\r\n" * 5),
    ],
    ids=["header", "body", "body-closing", "silence", "status-line", "unsized-body", "no-body", "continue"],
)
def test_a_drip_or_a_silence_ends_at_the_deadline(server, stripe, act):
    """R72, M8: whatever trickles in, the call ends at its deadline, however often a read timeout is reset."""
    server.always(act)
    assert 0.2 <= seconds_until_timeout(stripe, 0.2) < 0.5


@pytest.mark.parametrize("act", [Drip(WHOLE, part="header"), Drip(WHOLE, part="body"), Hang()])
def test_a_drip_through_tls_ends_at_the_deadline(act):
    """R72: the socket is shut beneath TLS too."""
    with (
        WireServer(tls=tls()) as server,
        Stripe("sk_test_1", api_base=server.url, ca_bundle=str(CERTIFICATE)) as stripe,
    ):
        server.always(act)
        assert 0.2 <= seconds_until_timeout(stripe, 0.2) < 0.5


def test_a_handshake_that_never_ends_ends_at_the_deadline():
    """R72: a server that accepts and says nothing while TLS is begun is left at the deadline."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        base = f"https://127.0.0.1:{mute.getsockname()[1]}"
        with Stripe("sk_test_1", api_base=base) as stripe:
            assert 0.2 <= seconds_until_timeout(stripe, 0.2) < 0.5


def test_the_deadline_is_for_all_the_pages(server, stripe):
    """R72: pages share one deadline; each of them being quick doesn't stretch it."""
    turns = iter(range(1_000_000))
    server.always(lambda _: Drip(Answer(page(entitlement(next(turns)), has_more=True)), every=0.0005))
    assert 0.3 <= seconds_until_timeout(stripe, 0.3) < 0.6


def test_nothing_is_sent_after_the_deadline(server, stripe):
    """R72: a deadline that has passed costs Stripe no request."""
    assert seconds_until_timeout(stripe, -1.0) < 0.1
    assert server.requests == []


def test_frozen_time_does_not_freeze_the_deadline(server, stripe):
    """A test that hangs Stripe under a frozen clock still has its answer in time."""
    server.always(Hang())
    with freeze_time("2026-11-23"):
        assert time.time() == 1795392000
        assert 0.2 <= seconds_until_timeout(stripe, 0.2) < 0.5


def test_the_timeout_is_the_default_deadline(server):
    """Without a deadline of its own a call has the client's timeout."""
    server.always(Hang())
    with Stripe("sk_test_1", api_base=server.url, timeout=0.2) as stripe:
        begun = real_now()
        with pytest.raises(StripeTimeout):
            stripe.products.list()
    assert 0.2 <= real_now() - begun < 0.5


def test_the_next_call_after_a_timeout_has_a_connection_of_its_own(server, stripe):
    """A connection that was cut is never used again: the next answer is the next call's."""
    server.then(Drip(Answer(page(entitlement(1)))), Answer(page(entitlement(2))))
    seconds_until_timeout(stripe, 0.1)
    assert [each.id for each in stripe.active_entitlements.list("cus_1")] == ["ent_2"]
    assert server.connections == 2
