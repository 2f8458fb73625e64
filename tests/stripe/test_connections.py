from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from controlled import wait_for
from process_kernel import connections
from wire_fork import works_in_a_child
from wire_server import Answer, Cut, Held, Reset, WireServer, page
from wire_stripe import CERTIFICATE, entitlement, entitlements, paged, tls

from entitlements.clocks import Deadline
from entitlements.stripe import Stripe, StripeConnectionError, StripeTimeout
from entitlements.stripe.answer import Answer as Whole
from entitlements.stripe.http import Http
from entitlements.stripe.line import Line
from entitlements.stripe.lines import Lines


def test_one_connection_serves_call_after_call(server, stripe):
    """Calls that follow one another share a connection, pages included."""
    server.always(paged(entitlements(250)))
    assert [len(stripe.active_entitlements.list("cus_1")) for _ in range(3)] == [250, 250, 250]
    assert (server.connections, len(server.requests)) == (1, 9)


def test_an_error_answer_keeps_the_connection(server, stripe):
    """A refusal that was read whole costs no new connection."""
    for _ in range(3):
        with pytest.raises(Exception, match="unscripted"):
            stripe.products.list()
    assert server.connections == 1


def test_calls_at_once_have_a_connection_each(server, stripe):
    """No two calls share a connection at one time, and the freed ones are used again."""
    held = [Held(Answer(page(entitlement(number)))) for number in range(4)]
    server.then(*held)
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(stripe.active_entitlements.list, "cus_1") for _ in held]
        for each in held:
            assert each.begun.wait(5)
        for each in held:
            each.released.set()
        assert sorted(answer.result()[0].id for answer in answers) == ["ent_0", "ent_1", "ent_2", "ent_3"]
    server.always(Answer(page()))
    stripe.active_entitlements.list("cus_1")
    assert server.connections == 4


def test_many_timeouts_exhaust_nothing(server, stripe):
    """M9: calls given up again and again leave a healthy call its connection, and nobody else's answer."""
    released = threading.Event()
    server.always(lambda seen: Held(Answer(page(entitlement(int(seen.query["customer"][4:])))), released))

    def give_up(number):
        with pytest.raises(StripeTimeout):
            stripe.active_entitlements.list(f"cus_{number}", deadline=Deadline.after(0.02))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(give_up, range(100)))
    released.set()
    for number in range(100):
        assert [each.id for each in stripe.active_entitlements.list(f"cus_{number}")] == [f"ent_{number}"]
    assert server.connections <= 101


def test_a_connection_closed_by_stripe_is_replaced(server):
    """A kept connection that Stripe closed in the meantime costs no call, at most a retry."""
    server.always(Answer(page(), hang_up=True))
    http = Http("sk_test_1", api_base=server.url, sleep=lambda _: None)
    for _ in range(5):
        assert http.get("/v1/things", deadline=Deadline.after(5)).body == page()
    http.close()


def test_a_connection_reset_under_a_request_is_retried(server):
    """A kept connection that is reset just as a request leaves is retried on another."""
    server.then(Answer(page()), Reset(), Answer(page()))
    http = Http("sk_test_1", api_base=server.url, sleep=lambda _: None)
    assert [http.get("/v1/things", deadline=Deadline.after(5)).body for _ in range(2)] == [page(), page()]
    http.close()
    assert [seen.connection for seen in server.requests] == [1, 1, 2]


@pytest.mark.parametrize(
    "act",
    [Reset(), Reset(b"HTTP/1.1 200 OK\r\n"), Cut(Answer(page(entitlement())), 30), Cut(Answer(page()), 0)],
    ids=["reset", "reset-in-header", "cut-in-body", "cut-before-body"],
)
def test_a_connection_cut_short_is_no_answer(server, stripe, act):
    """R58: an answer that ends too early is a connection error, never what it held so far."""
    server.always(act)
    with pytest.raises(StripeConnectionError) as raised:
        stripe.active_entitlements.list("cus_1")
    assert type(raised.value) is StripeConnectionError
    assert raised.value.status is None


def test_nobody_there_is_a_connection_error():
    """R58: a port nobody listens on is a connection error."""
    with WireServer() as gone:
        pass
    with (
        Stripe("sk_test_1", api_base=gone.url, max_retries=0) as stripe,
        pytest.raises(StripeConnectionError) as raised,
    ):
        stripe.products.list()
    assert (
        str(raised.value)
        == "Stripe did not answer (ConnectionRefusedError); check the network and api_base, or try again"
    )


def test_a_closed_client_refuses(server, stripe):
    """After `close` nothing is sent; closing twice is fine."""
    stripe.close()
    stripe.close()
    with pytest.raises(StripeConnectionError, match="closed"):
        stripe.products.list()
    assert server.requests == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_process_leaves_its_parents_connection_alone(server, stripe):
    """After a fork the child dials anew, and the parent's connection goes on working."""
    server.always(paged(entitlements(3)))
    stripe.active_entitlements.list("cus_1")
    assert works_in_a_child(lambda: len(stripe.active_entitlements.list("cus_child")) == 3)
    stripe.active_entitlements.list("cus_1")
    assert [(seen.query["customer"], seen.connection) for seen in server.requests] == [
        ("cus_1", 1),
        ("cus_child", 2),
        ("cus_1", 1),
    ]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="this system doesn't tell what a process has open")
@pytest.mark.parametrize("secured", [False, True], ids=["http", "https"])
def test_a_child_process_holds_none_of_its_parents_connections(secured):
    """R39: whether idle or in use, a connection is the parent's alone, who goes on with it."""
    with (
        WireServer(tls=tls() if secured else None) as server,
        Stripe("sk_test_1", api_base=server.url, ca_bundle=str(CERTIFICATE)) as stripe,
        ThreadPoolExecutor(2) as pool,
    ):
        held = [Held(Answer(page(entitlement(number)))) for number in range(2)]
        server.then(*held)
        answers = [pool.submit(stripe.active_entitlements.list, "cus_1") for _ in held]
        assert all(each.begun.wait(5) for each in held)
        held[0].released.set()
        wait_for(lambda: any(answer.done() for answer in answers))
        here = connections(os.getpid(), server.port)
        assert len(here) == 2
        assert works_in_a_child(lambda: not here & connections(os.getpid(), server.port))
        held[1].released.set()
        assert sorted(answer.result()[0].id for answer in answers) == ["ent_0", "ent_1"]
        server.always(Answer(page()))
        stripe.active_entitlements.list("cus_1")
        assert server.connections == 2


def test_a_connection_that_was_cut_is_not_fit_for_reuse(server):
    """An alarm that rings when the answer is just whole leaves a connection nobody uses again."""
    server.always(Answer(page()))
    line = Line(server.url)
    assert isinstance(
        line.exchange(requests.Request("GET", server.url).prepare(), Deadline.after(5), longest=99), Whole
    )
    fit = line.reusable
    line.cut()
    assert (fit, line.reusable) == (True, False)
    line.close()


class FakeLine:
    reusable = True

    def __init__(self):
        self.closed = False

    def close(self):
        self.closed = True


def test_idle_connections_are_last_in_first_out_few_and_young():
    """The connection used last is used next; the seventeenth idle one, and one idle for a minute, are closed."""
    clock = [0.0]
    lines = Lines(FakeLine, now=lambda: clock[0])
    out = [lines.take() for _ in range(17)]
    for line in out:
        lines.give(line)
    assert [line.closed for line in out] == [False] * 16 + [True]
    assert lines.take() is out[15]
    clock[0] = 61.0
    assert lines.take() not in out
    assert [line.closed for line in out[:15]] == [True] * 15
    lines.close()
    lines.give(out[15])
    assert out[15].closed
