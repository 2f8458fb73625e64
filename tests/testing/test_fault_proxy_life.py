"""The fault proxy as a thing: its addresses, its orders from many threads, its end."""

from __future__ import annotations

import contextlib
import gc
import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import pytest
from controlled import wait_for
from freezegun import freeze_time
from wire_echo import echoing
from wire_fork import works_in_a_child
from wire_pairs import Ends, whole

from entitlements import InvalidInput
from entitlements.testing import FaultProxy
from entitlements.testing.relay import Relay


@pytest.fixture(name="ends")
def _ends():
    with Ends() as ends:
        yield ends


@pytest.fixture(name="proxy")
def _proxy(ends):
    with FaultProxy(ends.address) as proxy:
        yield proxy


def threads():
    return [thread.name for thread in threading.enumerate() if thread.name == "fault-proxy"]


@pytest.fixture(autouse=True)
def _nothing_left_behind_by_an_earlier_test():
    gc.collect()


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


# --- where -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "url"),
    [
        (("127.0.0.1", 12111), "http://127.0.0.1:{}"),
        ("http://127.0.0.1:12111", "http://127.0.0.1:{}"),
        ("https://localhost/v1?a=b", "https://127.0.0.1:{}/v1?a=b"),
        ("redis://user:pass@localhost/0", "redis://user:pass@127.0.0.1:{}/0"),
        ("http://[::1]:80", "http://127.0.0.1:{}"),
        (("::1", 80, 0, 0), "http://127.0.0.1:{}"),
    ],
)
def test_the_url_is_the_target_s_with_another_address(target, url):
    """What a client is given for its server, it can be given for the proxy: this machine only, on a port of its own."""
    with FaultProxy(target) as proxy:
        assert proxy.url == url.format(proxy.address[1])
        assert proxy.address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "target", ["", "localhost", "127.0.0.1:80", "http://", "http://h:99999", "ftp://h", (), None, 7]
)
def test_a_target_that_is_none_is_told_at_once(target):
    """No proxy without a server's address; nothing is opened."""
    before = descriptors(), threads()
    with pytest.raises(InvalidInput, match="give \\(host, port\\), or a URL"):
        FaultProxy(target)
    assert (descriptors(), threads()) == before


def test_a_password_in_the_url_is_not_shown():
    """A repr names addresses, and a refusal nothing at all."""
    with FaultProxy("redis://:CANARY@127.0.0.1:6379/0") as proxy:
        assert repr(proxy) == f"FaultProxy(127.0.0.1:{proxy.address[1]} -> 127.0.0.1:6379)"
    with pytest.raises(InvalidInput) as refused:
        FaultProxy("redis://:CANARY@:6379")
    assert "CANARY" not in str(refused.value)


def test_a_port_that_is_taken_is_named(ends):
    """The message says which port, and what to do."""
    before = descriptors(), threads()
    with pytest.raises(OSError, match=f"can't listen on 127.0.0.1:{ends.address[1]}: .*choose another port, or 0"):
        FaultProxy(ends.address, port=ends.address[1])
    assert (descriptors(), threads()) == before


def test_a_name_s_addresses_are_tried_in_turn(ends):
    """A server that listens on one of them is found."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()
    relay = Relay("127.0.0.1", 0, [(socket.AF_INET, nobody), (socket.AF_INET, ends.address)], random.random)
    try:
        with socket.create_connection(relay.address, timeout=5) as client:
            ends.accept().sendall(b"word")
            assert client.recv(100) == b"word"
    finally:
        relay.close()


def test_ipv6_where_it_is_told_to(ends):
    """The proxy listens on the address it is given, whatever its server's is."""
    with FaultProxy(("localhost", ends.address[1]), host="::1") as proxy:
        assert proxy.url == f"http://[::1]:{proxy.address[1]}"
        client, peer = ends.pair(proxy)
        client.sendall(b"word")
        assert peer.recv(100) == b"word"


@pytest.mark.parametrize(
    "order",
    [
        lambda proxy: proxy.latency(-1),
        lambda proxy: proxy.latency(float("inf")),
        lambda proxy: proxy.latency("1"),
        lambda proxy: proxy.latency(1, jitter=-1),
        lambda proxy: proxy.drip(0),
        lambda proxy: proxy.drip(float("nan")),
        lambda proxy: proxy.cut(-1),
        lambda proxy: proxy.cut(1.5),
        lambda proxy: proxy.half_close("left"),
        lambda proxy: proxy.drop(times=0),
        lambda proxy: proxy.swap_replies(0),
    ],
)
def test_a_number_that_can_t_be_right_is_refused_and_changes_nothing(ends, proxy, order):
    """The fault isn't half set: traffic flows as before."""
    with pytest.raises(InvalidInput, match="give"):
        order(proxy)
    client, peer = ends.pair(proxy)
    peer.sendall(b"word")
    assert client.recv(100) == b"word"


# --- orders ----------------------------------------------------------------------------------------------------------


def test_faults_of_an_ending_take_each_other_s_place_and_the_rest_add_up(ends, proxy):
    """The newest of drop, reset, black hole, stall, half-close and refuse stands; latency and a cut stay beside it."""
    proxy.refuse()
    proxy.reset()
    proxy.black_hole()
    proxy.latency(0.05)
    proxy.cut(after=4)
    proxy.half_close("server")
    client, peer = ends.pair(proxy)
    began = monotonic()
    peer.sendall(b"answer")
    assert whole(client) == b"answ"
    assert monotonic() - began >= 0.05
    assert peer.recv(100) == b""


def test_refusing_ends_with_another_ending_and_with_no_other_fault(ends, proxy):
    """What adds up doesn't open the port again; what takes its place does."""
    proxy.refuse()
    for add in (lambda: proxy.latency(0), lambda: proxy.cut(after=1), proxy.swap_replies):
        add()
        with pytest.raises(ConnectionRefusedError):
            ends.call(proxy)
    proxy.drop()
    assert ends.call(proxy).recv(1) == b""


def test_times_ends_with_healing(ends, proxy):
    """A fault still owed to connections to come is forgotten."""
    proxy.reset(times=3)
    with pytest.raises(ConnectionResetError):
        ends.call(proxy).recv(1)
    proxy.heal()
    client, peer = ends.pair(proxy)
    peer.sendall(b"word")
    assert client.recv(100) == b"word"


def test_any_thread_may_order_while_traffic_flows():
    """Four threads give random faults to eight that talk; then one word heals it, and nothing is left behind."""
    before = descriptors()
    with echoing() as target, FaultProxy(target) as proxy, ThreadPoolExecutor(12) as pool:
        over = threading.Event()
        talking = [pool.submit(talk, proxy, over) for _ in range(8)]
        ordering = [pool.submit(disturb, proxy, random.Random(seed)) for seed in range(4)]
        try:
            for each in ordering:
                each.result(30)
            proxy.heal()
            seen = proxy.bytes_down
            wait_for(lambda: proxy.bytes_down > seen)
        finally:
            over.set()
        assert sum(each.result(30) for each in talking) > 0
    assert descriptors() == before
    assert not threads()


def disturb(proxy, chance):
    orders = [
        lambda: proxy.latency(0.001, jitter=0.001),
        proxy.drop,
        proxy.black_hole,
        proxy.stall,
        proxy.reset,
        lambda: proxy.drip(10_000),
        lambda: proxy.cut(after=10, times=2),
        lambda: proxy.half_close(chance.choice(["client", "server", "both"])),
        lambda: proxy.swap_replies(times=2),
        proxy.refuse,
        proxy.heal,
        lambda: proxy.bytes_up,
    ]
    for _ in range(100):
        chance.choice(orders)()


def talk(proxy, over):
    """Ask for echoes until it is over, on a new connection after each failure; count those that came whole."""
    whole_ones = 0
    while not over.is_set():
        try:
            with socket.create_connection(proxy.address, timeout=0.2) as client:
                while not over.is_set():
                    client.sendall(b"x" * 100)
                    received = 0
                    while received < 100 and (piece := client.recv(100)):
                        received += len(piece)
                    if received < 100:
                        break
                    whole_ones += 1
        except OSError:
            over.wait(0.01)  # refused connections come back at once, and would leave no time to anybody else
    return whole_ones


def test_frozen_time_delays_nothing_for_ever(ends, proxy):
    """A test that freezes the clock still has its bytes, as late as it asked for."""
    with freeze_time("2026-11-23"):
        client, peer = ends.pair(proxy)
        proxy.latency(0.05)
        peer.sendall(b"word")
        assert client.recv(100) == b"word"


# --- the end ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["latency", "drop", "black_hole", "stall", "reset", "drip", "refuse", "swap_replies"])
def test_closing_is_quick_complete_and_repeatable(fault):
    """Whatever stands, both sides are let go, the port is free, and no socket and no thread is left."""
    before = descriptors()
    with Ends() as ends:
        proxy = FaultProxy(ends.address)
        client, peer = ends.pair(proxy)
        client.sendall(b"x" * 10_000)
        getattr(proxy, fault)(*{"latency": [3_600], "drip": [0.001]}.get(fault, []))
        began = monotonic()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: proxy.close(), range(4)))
        proxy.close()
        assert monotonic() - began < 1
        for sock in (client, peer):
            assert gone(sock)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(proxy.address)
    assert descriptors() == before
    assert not threads()
    assert proxy.connections == 1
    with pytest.raises(RuntimeError, match="this proxy is closed; make another"):
        proxy.heal()


def gone(sock):
    try:
        while sock.recv(1 << 16):
            pass
    except ConnectionResetError:
        return True
    return True


def test_connections_that_ended_leave_nothing_behind(ends, proxy):
    """A connection both sides of which hung up is closed, faults or not, and costs nothing from then on."""
    before = descriptors()
    for fault in (proxy.heal, proxy.drop, proxy.half_close, lambda: proxy.cut(after=1)):
        client, peer = ends.pair(proxy)
        client.sendall(b"?")
        assert peer.recv(1) == b"?"
        fault()
        peer.sendall(b"answer")
        client.close()
        peer.close()
        proxy.heal()
        wait_for(lambda: descriptors() == before)
    for fault in (proxy.drop, proxy.reset, proxy.refuse):
        proxy.heal()
        fault()
        with contextlib.suppress(OSError), socket.create_connection(proxy.address) as client:
            client.recv(1)
        wait_for(lambda: descriptors() == before)


def test_a_forked_child_may_close_its_copy(ends, proxy):
    """A child gives no orders, and when it closes what it inherited it disturbs nobody's connections."""
    client, peer = ends.pair(proxy)

    def in_the_child():
        with pytest.raises(RuntimeError):
            proxy.drop()
        proxy.close()
        return True

    assert works_in_a_child(in_the_child)
    peer.sendall(b"word")
    assert client.recv(100) == b"word"
