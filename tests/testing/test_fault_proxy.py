"""What each fault does to plain sockets, byte by byte; tests/testing/test_faults_end_questions.py asks the library."""

from __future__ import annotations

import contextlib
import socket
from time import monotonic

import pytest
from wire_pairs import Ends, whole

from entitlements.testing import FaultProxy


@pytest.fixture(name="ends")
def _ends():
    with Ends() as ends:
        yield ends


@pytest.fixture(name="proxy")
def _proxy(ends):
    with FaultProxy(ends.address) as proxy:
        yield proxy


def flows(client, peer):
    """Say whether a word gets through in both directions, whole and first."""
    client.sendall(b"word up")
    peer.sendall(b"word down")
    return (peer.recv(100), client.recv(100)) == (b"word up", b"word down")


# --- no fault --------------------------------------------------------------------------------------------------------


def test_without_a_fault_it_is_as_if_nobody_stood_between(ends, proxy):
    """Bytes pass both ways and are counted; hanging up on one half leaves the other open."""
    client, peer = ends.pair(proxy)
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    assert whole(peer) == b"question"
    peer.sendall(b"the answer")
    peer.close()
    assert whole(client) == b"the answer"
    assert (proxy.connections, proxy.bytes_up, proxy.bytes_down) == (1, 8, 10)


@pytest.mark.parametrize("speaker", ["client", "peer"])
def test_whoever_does_not_read_makes_the_other_wait(ends, proxy, speaker):
    """What is under way is bounded: a sender is held up like on any connection, and nothing of it is lost."""
    client, peer = ends.pair(proxy)
    one, other = (client, peer) if speaker == "client" else (peer, client)
    sent = until_held_up(one)
    assert sent < 1 << 25
    one.close()
    assert len(whole(other)) == sent


def until_held_up(sock):
    sock.settimeout(0.2)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 1 << 28:
            sent += sock.send(b"x" * (1 << 16))
    return sent


@pytest.mark.parametrize("first", ["client", "peer"])
def test_a_reset_is_passed_on(ends, proxy, first):
    """Whichever side resets, the other sees a reset and no end of stream."""
    client, peer = ends.pair(proxy)
    one, other = (client, peer) if first == "client" else (peer, client)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    one.close()
    with pytest.raises(ConnectionResetError):
        other.recv(1)


def test_a_server_that_is_not_there_resets_the_client_until_it_is(ends):
    """The proxy can be there before its server."""
    host, port = ends.address
    ends.listener.close()
    with FaultProxy((host, port)) as proxy:
        with pytest.raises(ConnectionResetError):
            ends.call(proxy).recv(1)
        ends.listener = socket.create_server((host, port))
        with ends.listener:
            assert flows(*ends.pair(proxy))


# --- latency ---------------------------------------------------------------------------------------------------------


def test_latency_delays_each_direction_and_the_end_as_well(ends, proxy):
    """A word takes the seconds, its answer takes them again, and so does hanging up."""
    client, peer = ends.pair(proxy)
    proxy.latency(0.15)
    began = monotonic()
    assert flows(client, peer)
    assert monotonic() - began >= 0.15
    client.sendall(b"?")
    peer.sendall(peer.recv(1))
    assert client.recv(1) == b"?"
    assert monotonic() - began >= 0.45
    client.close()
    assert peer.recv(1) == b""
    assert monotonic() - began >= 0.6


def test_what_was_said_last_arrives_though_both_have_hung_up(ends, proxy):
    """A connection isn't over while something is under way."""
    client, peer = ends.pair(proxy)
    proxy.latency(0.05)
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    peer.sendall(b"answer")
    peer.shutdown(socket.SHUT_WR)
    assert (whole(peer), whole(client)) == (b"question", b"answer")


def test_jitter_makes_it_vary_and_never_changes_the_order(ends):
    """What would overtake waits for what is before it."""
    shares = iter([1.0, 0.0, 0.5])
    with FaultProxy(ends.address, random=lambda: next(shares)) as proxy:
        client, peer = ends.pair(proxy)
        proxy.latency(0.1, jitter=0.1)
        began = monotonic()
        client.sendall(b"a")
        assert proxy.bytes_up == 0  # and the proxy has read it
        client.sendall(b"b")
        assert peer.recv(1) + peer.recv(1) == b"ab"
        assert monotonic() - began >= 0.2


def test_healing_delivers_at_once_what_was_delayed(ends, proxy):
    """What latency holds back isn't lost, and isn't waited for any longer."""
    client, peer = ends.pair(proxy)
    proxy.latency(3_600)
    client.sendall(b"at last")
    assert proxy.bytes_up == 0
    proxy.heal()
    assert peer.recv(100) == b"at last"
    assert flows(client, peer)


# --- drop, reset, refuse ---------------------------------------------------------------------------------------------


def test_drop_ends_an_open_connection_without_a_reset(ends, proxy):
    """Both sides read the end of the stream, and may go on talking to nobody."""
    client, peer = ends.pair(proxy)
    proxy.drop()
    for one, other in ((client, peer), (peer, client)):
        one.sendall(b"hello?")
        assert other.recv(100) == b""
    client.sendall(b"still there?")
    assert (proxy.bytes_up, proxy.bytes_down) == (0, 0)


def test_drop_is_no_reset_even_where_one_side_is_gone(ends, proxy):
    """Whoever is still there reads the end of the stream, without what was under way."""
    client, peer = ends.pair(proxy)
    client.shutdown(socket.SHUT_WR)
    assert peer.recv(100) == b""
    proxy.latency(3_600)
    peer.sendall(b"lost")
    peer.close()
    assert proxy.bytes_down == 0
    proxy.drop()
    assert client.recv(100) == b""


def test_drop_ends_a_new_connection_before_the_server_hears_of_it(ends, proxy):
    """Accepted, ended without a byte, and the server was never called."""
    proxy.drop()
    client = ends.call(proxy)
    client.sendall(b"hello?")
    assert client.recv(100) == b""
    assert (proxy.connections, ends.called) == (1, False)
    proxy.heal()
    assert flows(*ends.pair(proxy))


def test_reset_resets_both_sides_and_whoever_comes(ends, proxy):
    """An open connection is reset on both sides, a new one as it is accepted."""
    for sock in (*ends.pair(proxy), proxy.reset())[:2]:
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    with pytest.raises(ConnectionResetError):
        ends.call(proxy).recv(1)
    assert not ends.called
    proxy.heal()
    assert flows(*ends.pair(proxy))


def test_refuse_refuses_and_the_address_is_the_same_afterwards(ends, proxy):
    """Nobody listens, open connections are reset, and healing listens where it was."""
    address = proxy.address
    client, peer = ends.pair(proxy)
    proxy.refuse()
    for sock in (client, peer):
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            ends.call(proxy)
    proxy.refuse()
    proxy.heal()
    assert proxy.address == address
    assert flows(*ends.pair(proxy))


# --- black hole, stall -----------------------------------------------------------------------------------------------


def test_a_black_hole_swallows_both_directions_and_closes_nothing(ends, proxy):
    """R07: on an open connection, bytes vanish for good, sending goes on, and after healing the next byte arrives."""
    client, peer = ends.pair(proxy)
    proxy.black_hole()
    for sock in (client, peer):
        sock.sendall(b"lost")
    assert (proxy.bytes_up, proxy.bytes_down) == (0, 0)
    proxy.heal()
    assert flows(client, peer)


def test_an_order_comes_between_what_was_said_before_it_and_after_it(ends, proxy):
    """What was sent before a fault arrives, what is sent under it is lost, and what is sent once healed arrives."""
    client, peer = ends.pair(proxy)
    for _ in range(200):
        peer.sendall(b"before ")
        proxy.black_hole()
        peer.sendall(b"lost")
        proxy.heal()
        peer.sendall(b"after.")
        said = b""
        while not said.endswith(b"."):
            said += client.recv(100)
        assert said == b"before after."


def test_a_black_hole_is_never_full(ends, proxy):
    """However much is sent into it, no sender is held up."""
    for sock in ends.pair(proxy):
        proxy.black_hole()
        sock.sendall(b"x" * 50_000_000)
    assert (proxy.bytes_up, proxy.bytes_down) == (0, 0)


def test_a_black_hole_swallows_what_is_under_way(ends, proxy):
    """What was sent before it, and hasn't arrived, doesn't arrive."""
    client, peer = ends.pair(proxy)
    proxy.latency(3_600)
    client.sendall(b"lost")
    assert proxy.bytes_up == 0
    proxy.black_hole()
    proxy.heal()
    assert flows(client, peer)


def test_that_somebody_hung_up_is_never_lost(ends, proxy):
    """An end of stream that was under way when the link died is told once it lives."""
    client, peer = ends.pair(proxy)
    proxy.latency(3_600)
    client.sendall(b"lost")
    client.close()
    assert proxy.bytes_up == 0
    proxy.black_hole()
    proxy.heal()
    assert peer.recv(100) == b""


def test_in_a_black_hole_nobody_hears_that_the_other_went(ends, proxy):
    """The end of a stream and a reset are told when it is healed, and not before."""
    client, peer = ends.pair(proxy)
    gone, left = ends.pair(proxy)
    proxy.black_hole()
    client.close()
    gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    gone.close()
    assert proxy.connections == 2
    for sock in (peer, left):
        sock.settimeout(0)
        with pytest.raises(BlockingIOError):
            sock.recv(1)
        sock.settimeout(5)
    proxy.heal()
    assert peer.recv(1) == b""
    with pytest.raises(ConnectionResetError):
        left.recv(1)


def test_a_new_connection_in_a_black_hole_flows_once_it_is_healed(ends, proxy):
    """It is accepted and reaches the server, and neither hears the other until then."""
    proxy.black_hole()
    client, peer = ends.pair(proxy)
    client.sendall(b"lost")
    assert (proxy.connections, proxy.bytes_up) == (1, 0)
    proxy.heal()
    assert flows(client, peer)


def test_a_stalled_connection_loses_nothing(ends, proxy):
    """Nothing moves, senders are held up in the end, and healing delivers every byte in order."""
    client, peer = ends.pair(proxy)
    proxy.stall()
    client.sendall(b"first, ")
    late = ends.call(proxy)
    late.sendall(b"late")
    assert (proxy.bytes_up, proxy.connections) == (0, 2)
    sent = until_held_up(client)
    assert sent < 1 << 25
    client.close()
    proxy.heal()
    assert whole(peer) == b"first, " + b"x" * sent
    assert ends.accept().recv(100) == b"late"
