"""What the faults of an answer do to plain sockets: a drip, a cut, half a hang-up, two answers swapped."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
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


# --- drip ------------------------------------------------------------------------------------------------------------


def test_a_drip_is_a_byte_at_a_time_and_only_of_the_answer(ends, proxy):
    """R72: no read timeout fires though the whole takes long; what the client says isn't slowed."""
    client, peer = ends.pair(proxy)
    proxy.drip(bytes_per_second=20)
    client.sendall(b"a long question" * 100)
    assert len(peer.recv(10_000)) == 1_500
    began = monotonic()
    client.settimeout(1)
    peer.sendall(b"slowly")
    assert [client.recv(100) for _ in range(6)] == [bytes([each]) for each in b"slowly"]
    assert monotonic() - began >= 0.25


def test_healing_ends_a_drip_with_the_rest_at_once(ends, proxy):
    """The rest of the answer comes as one would expect, and the end of the stream after it."""
    client, peer = ends.pair(proxy)
    proxy.drip(bytes_per_second=0.001)
    peer.sendall(b"slowly")
    peer.close()
    assert client.recv(100) == b"s"
    proxy.heal()
    assert whole(client) == b"lowly"


# --- cut -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 1, 4, 5])
def test_a_cut_ends_the_answer_after_so_many_bytes(ends, proxy, after):
    """Exactly so many bytes, then the end of the stream, for the server too."""
    proxy.cut(after=after)
    client, peer = ends.pair(proxy)
    client.sendall(b"question")
    assert peer.recv(100) == b"question"
    peer.sendall(b"+PO")
    peer.sendall(b"NG")
    assert whole(client) == b"+PONG"[:after]
    assert peer.recv(100) == b""
    assert proxy.bytes_down == after


def test_a_cut_counts_from_now_on_an_open_connection(ends, proxy):
    """What was said before doesn't count, and asking again begins anew."""
    client, peer = ends.pair(proxy)
    peer.sendall(b"before")
    assert client.recv(100) == b"before"
    proxy.cut(after=3)
    peer.sendall(b"12")
    assert client.recv(100) == b"12"
    proxy.cut(after=3)
    peer.sendall(b"345678")
    assert whole(client) == b"345"


def test_healing_ends_a_cut(ends, proxy):
    """Of a connection that wasn't cut yet, the answer is whole."""
    client, peer = ends.pair(proxy)
    proxy.cut(after=3)
    peer.sendall(b"12")
    assert client.recv(100) == b"12"
    proxy.heal()
    peer.sendall(b"345678")
    peer.close()
    assert whole(client) == b"345678"


def test_the_next_connections_only(ends, proxy):
    """`times` strikes so many connections to come, and no open one."""
    spared = ends.pair(proxy)
    proxy.cut(after=1, times=2)
    struck = [ends.pair(proxy), ends.pair(proxy)]
    later = ends.pair(proxy)
    for pair in (spared, *struck, later):
        pair.peer.sendall(b"whole")
        pair.peer.shutdown(socket.SHUT_WR)
    assert [whole(pair.client) for pair in (spared, *struck, later)] == [b"whole", b"w", b"w", b"whole"]


# --- half a hang-up --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["open", "new"])
def test_half_closed_towards_the_client_its_bytes_still_reach_the_server(ends, proxy, when):
    """The client reads the end; the server hears it all, and what it answers is thrown away without a reset."""
    if when == "new":
        proxy.half_close()
    client, peer = ends.pair(proxy)
    if when == "open":
        proxy.half_close("client")
    assert client.recv(100) == b""
    for word in (b"one", b"two"):
        client.sendall(word)
        assert peer.recv(100) == word
        peer.sendall(b"answer")
    assert (proxy.bytes_up, proxy.bytes_down) == (6, 0)
    client.close()
    assert peer.recv(100) == b""


@pytest.mark.parametrize("when", ["open", "new"])
def test_half_closed_towards_the_server_its_answers_still_reach_the_client(ends, proxy, when):
    """The server reads the end; what it says arrives, and what the client says doesn't."""
    if when == "new":
        proxy.half_close("server")
    client, peer = ends.pair(proxy)
    if when == "open":
        proxy.half_close("server")
    client.sendall(b"unheard")
    assert peer.recv(100) == b""
    peer.sendall(b"an answer")
    assert client.recv(100) == b"an answer"
    peer.close()
    assert client.recv(100) == b""
    assert (proxy.bytes_up, proxy.bytes_down) == (0, 9)


def test_half_closed_towards_both_nothing_gets_through(ends, proxy):
    """Each reads the end, and each is still listened to."""
    client, peer = ends.pair(proxy)
    proxy.half_close("both")
    for one, other in ((client, peer), (peer, client)):
        one.sendall(b"unheard")
        assert other.recv(100) == b""
    assert (proxy.bytes_up, proxy.bytes_down) == (0, 0)


def test_what_was_hung_up_on_stays_so(ends, proxy):
    """Healing brings back no end of stream that was told: the half that was open still is."""
    client, peer = ends.pair(proxy)
    proxy.half_close()
    proxy.heal()
    client.sendall(b"still heard")
    peer.sendall(b"unheard")
    assert (client.recv(100), peer.recv(100)) == (b"", b"still heard")


# --- swapped replies -------------------------------------------------------------------------------------------------


def ask(ends, proxy, question):
    pair = ends.pair(proxy)
    pair.client.sendall(question)
    assert pair.peer.recv(100) == question
    return pair


def test_two_replies_are_swapped_whole_and_the_next_are_not(ends, proxy):
    """R10: each client has the other's reply, all the pieces of it, and its own again after its next question."""
    alice, bob = ask(ends, proxy, b"alice?"), ask(ends, proxy, b"bob?")
    proxy.swap_replies()
    for piece in (b"one", b"two", b"three"):
        alice.peer.sendall(b"alice " + piece)
        bob.peer.sendall(b"bob " + piece)
        assert proxy.bytes_down
    assert until(alice.client, b"three") == b"bob onebob twobob three"
    assert until(bob.client, b"three") == b"alice onealice twoalice three"
    for pair, word in ((alice, b"alice"), (bob, b"bob")):
        pair.client.sendall(word + b"?")
        assert pair.peer.recv(100) == word + b"?"
        pair.peer.sendall(word + b"!")
    assert (alice.client.recv(100), bob.client.recv(100)) == (b"alice!", b"bob!")


def until(sock, last):
    said = b""
    while not said.endswith(last):
        said += sock.recv(1 << 16)
    return said


def test_long_replies_are_swapped_whole(ends, proxy):
    """What the proxy can't hold, the server does, until there is somebody to give it to."""
    alice, bob = ask(ends, proxy, b"alice?"), ask(ends, proxy, b"bob?")
    proxy.swap_replies()
    sizes = {b"a": 3_000_000, b"b": 2_000_000}
    with ThreadPoolExecutor(4) as pool:
        said = [
            pool.submit(pair.peer.sendall, letter * sizes[letter] + b".")
            for pair, letter in ((alice, b"a"), (bob, b"b"))
        ]
        heard = [pool.submit(until, pair.client, b".") for pair in (alice, bob)]
        assert [each.result(20) for each in said] == [None, None]
        assert [each.result(20) for each in heard] == [b"b" * 2_000_000 + b".", b"a" * 3_000_000 + b"."]


def test_a_reply_waits_for_another_to_be_swapped_with(ends, proxy):
    """The first is held until a second begins on another connection; healed, it goes to its own client."""
    alice = ask(ends, proxy, b"alice?")
    proxy.swap_replies()
    alice.peer.sendall(b"for ")
    alice.peer.sendall(b"alice")
    assert proxy.bytes_down == 0
    proxy.heal()
    assert until(alice.client, b"alice") == b"for alice"


def test_a_reply_is_never_swapped_with_its_own_client_s_next(ends, proxy):
    """Whoever asks again while the first reply is held has both of them in the end, in their order."""
    alice = ask(ends, proxy, b"alice?")
    proxy.swap_replies()
    alice.peer.sendall(b"one, ")
    alice.client.sendall(b"and?")
    assert alice.peer.recv(100) == b"and?"
    alice.peer.sendall(b"two")
    assert proxy.bytes_down == 0
    proxy.heal()
    assert until(alice.client, b"two") == b"one, two"


def test_a_reply_is_not_swapped_with_one_whose_client_is_gone(ends, proxy):
    """Then the next waits for yet another."""
    alice, bob, carol = (ask(ends, proxy, name) for name in (b"alice?", b"bob?", b"carol?"))
    proxy.swap_replies()
    alice.peer.sendall(b"for alice")
    assert proxy.bytes_down == 0
    alice.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    alice.client.close()
    assert proxy.connections == 3
    bob.peer.sendall(b"for bob")
    assert proxy.bytes_down == 0
    carol.peer.sendall(b"for carol")
    assert (bob.client.recv(100), carol.client.recv(100)) == (b"for carol", b"for bob")


def test_replies_that_end_with_the_connection_are_swapped_with_their_ends(ends, proxy):
    """A server that hangs up after its reply hangs up on whoever was given it."""
    alice, bob = ask(ends, proxy, b"alice?"), ask(ends, proxy, b"bob?")
    proxy.swap_replies()
    alice.peer.sendall(b"for alice")
    alice.peer.close()
    bob.peer.sendall(b"for bob")
    assert whole(bob.client) == b"for alice"
    assert alice.client.recv(100) == b"for bob"
    bob.peer.close()
    assert whole(alice.client) == b""


def test_a_reply_for_somebody_who_is_gone_is_thrown_away(ends, proxy):
    """It holds nobody up, and the next question has its own answer."""
    alice, bob = ask(ends, proxy, b"alice?"), ask(ends, proxy, b"bob?")
    proxy.swap_replies()
    alice.peer.sendall(b"for alice")
    bob.peer.sendall(b"for bob")
    assert bob.client.recv(100) == b"for alice"
    alice.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    alice.client.close()
    bob.peer.sendall(b"x" * 50_000_000)
    bob.client.sendall(b"bob, again?")
    assert bob.peer.recv(100) == b"bob, again?"
    bob.peer.sendall(b"for bob")
    assert until(bob.client, b"for bob").lstrip(b"x") == b"for bob"


def test_pairs_are_counted(ends, proxy):
    """With `times=2` two pairs are swapped; the fifth reply is its own client's."""
    proxy.swap_replies(times=2)
    pairs = [ask(ends, proxy, b"?%d" % number) for number in range(5)]
    for number, pair in enumerate(pairs):
        pair.peer.sendall(b"%d" % number)
        assert proxy.connections == 5
    assert [pair.client.recv(100) for pair in pairs] == [b"1", b"0", b"3", b"2", b"4"]


def test_pairs_still_owed_end_with_healing(ends, proxy):
    """A reply that begins afterwards waits for nobody."""
    proxy.swap_replies(times=3)
    alice = ask(ends, proxy, b"alice?")
    proxy.heal()
    alice.peer.sendall(b"for alice")
    assert alice.client.recv(100) == b"for alice"


def test_what_nobody_asked_for_is_no_reply(ends, proxy):
    """A server that speaks first, as some protocols greet, is not held back."""
    proxy.swap_replies()
    client, peer = ends.pair(proxy)
    peer.sendall(b"220 ready")
    assert client.recv(100) == b"220 ready"
