"""One connection to Stripe, used by one caller at a time, that the watchdog can cut.

A header or a body that drips resets every read timeout, so somebody else has to end the call. The watchdog shuts a
duplicate of the socket: the plain `shutdown` of one ends the other, at any stage, a TLS handshake included, and no
other thread ever touches the TLS object itself.

The adapter is driven without a `requests.Session`: so there is no redirect to follow, no cookie to keep, and neither
proxy variables nor `.netrc` are ever read.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError

from entitlements.clocks import Deadline
from entitlements.stripe.answer import Answer
from entitlements.stripe.errors import MalformedReply, StripeConnectionError, StripeTimeout, StripeTLSError
from entitlements.watchdog import watchdog

if TYPE_CHECKING:
    import urllib3

    from entitlements.errors import StripeError

__all__ = ["Line"]

_CHUNK: Final = 65_536
_NEARLY: Final = 0.01  # seconds: what failed this close to the deadline failed because of it
_WRAPPINGS: Final = 10  # deeper than any
_HANG_UPS: Final = (ssl.SSLEOFError, ssl.SSLZeroReturnError)  # said in TLS, but no more than a closed connection
_FAILURES: Final = (requests.RequestException, HTTPError, OSError)


class Line:
    """Carry one exchange after another, over one connection while it lasts."""

    def __init__(self, base: str, *, ca_bundle: str | None = None) -> None:
        self._adapter = _Adapter(base, self)
        self._verify = ca_bundle or True
        self._deadline = Deadline(0.0)
        self._lock = threading.Lock()  # between the watchdog that shuts the handle and its owner who closes it
        self._socket: socket.socket | None = None
        self._handle: socket.socket | None = None
        self._connection: HTTPConnection | None = None
        self._cut = False
        self._whole = False

    def exchange(self, request: requests.PreparedRequest, deadline: Deadline, *, longest: int) -> Answer | StripeError:
        """Send one request and read its whole answer, or say why there is none. The deadline is total."""
        self._deadline, self._whole = deadline, False
        alarm = watchdog.at(deadline.at, self.cut)
        try:
            outcome = self._exchange(request, longest)
        except _FAILURES as failure:
            outcome = _reason(failure)
        finally:
            in_time = alarm.cancel()
        if in_time and (isinstance(outcome, Answer) or deadline.remaining() > _NEARLY):
            return outcome
        return StripeTimeout("Stripe did not give a whole answer by the deadline; try again, or allow more time")

    def _exchange(self, request: requests.PreparedRequest, longest: int) -> Answer | StripeError:
        patience = max(self._deadline.remaining(), _NEARLY)
        response = self._adapter.send(request, stream=True, timeout=patience, verify=self._verify)
        with contextlib.closing(response):
            content = _body(response.raw, longest)
            if content is None:
                return MalformedReply(f"Stripe's answer is longer than {longest} bytes; it was not read to its end")
            self._whole = True
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status_code, headers, content)

    @property
    def reusable(self) -> bool:
        """Say whether the connection is open, in step and not cut: fit for the next caller."""
        return self._whole and not self._cut and self._connection is not None and not self._connection.is_closed

    def dial(self, connection: HTTPConnection) -> socket.socket:
        """Connect, giving each address of the host its share of the time left."""
        host, port = connection.host.strip("[]"), connection.port
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        failure: OSError = OSError(f"{host} has no address")
        for index, (family, kind, protocol, _, address) in enumerate(addresses):
            try:
                share = self._deadline.remaining() / (len(addresses) - index)
                self._socket = socket.socket(family, kind, protocol)
                return self._keep(connection, _connected(self._socket, address, share))
            except OSError as error:
                failure = error
        # Not the bare error: of a reset, urllib3 would think that the request was sent, and wait on no socket.
        raise NewConnectionError(connection, "no address of it could be reached") from failure

    def _keep(self, connection: HTTPConnection, sock: socket.socket) -> socket.socket:
        sock.settimeout(max(self._deadline.remaining(), _NEARLY))
        self._hang_up()
        with self._lock:
            self._connection, self._handle = connection, sock.dup()
        if self._cut:  # the alarm rang before there was anything to shut
            sock.close()
            raise TimeoutError("the deadline passed while connecting")
        return sock

    def cut(self) -> None:
        """End whatever is going on, from any thread."""
        self._cut = True
        with self._lock:
            if self._handle is not None:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(self._handle, socket.SHUT_RDWR)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._adapter.close()
        self._hang_up()

    def leave(self) -> None:
        """Close this process's copies of the sockets, as a forked child must, wherever its parent was with them.

        The other side hears nothing of it, and no object here takes the descriptors for its own any more.
        """
        secured = self._connection.sock if self._connection is not None else None
        for each in (self._socket, secured, self._handle):
            if each is not None and each.fileno() >= 0:
                os.close(each.detach())

    def _hang_up(self) -> None:
        with self._lock:
            if self._handle is not None:
                self._handle.close()
                self._handle = None


def _connected(sock: socket.socket, address: Any, patience: float) -> socket.socket:  # noqa: ANN401 - per family
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(max(patience, _NEARLY))
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


def _body(raw: urllib3.BaseHTTPResponse, longest: int) -> bytes | None:
    """Read a body to its end; `None` if it is too long."""
    chunks: list[bytes] = []
    room = longest
    # Identity was asked for; whatever comes compressed all the same stays so, and is no JSON.
    while chunk := raw.read(min(_CHUNK, room + 1), decode_content=False):
        chunks.append(chunk)
        room -= len(chunk)
        if room < 0:
            return None
    return b"".join(chunks)


def _reason(failure: Exception) -> StripeError:
    """Keep the kind of a failure and nothing of the exception: it carries the request, and so the key."""
    root = _root(failure)
    kind = type(root).__name__
    if isinstance(root, ssl.SSLError) and not isinstance(root, _HANG_UPS):
        return StripeTLSError(f"no trusted connection to Stripe ({kind}); check api_base, the clock and the CA bundle")
    return StripeConnectionError(f"Stripe did not answer ({kind}); check the network and api_base, or try again")


def _root(failure: BaseException) -> BaseException:
    """Find the exception that started it, below the wrappings of the HTTP library."""
    for _ in range(_WRAPPINGS):
        around = (failure.__cause__, failure.__context__, getattr(failure, "reason", None), *failure.args)
        inner = next((each for each in around if isinstance(each, Exception)), None)
        if inner is None:
            break
        failure = inner
    return failure


class _Connection(HTTPConnection):
    def __init__(self, *args: Any, line: Line, **options: Any) -> None:  # noqa: ANN401 - urllib3's own
        super().__init__(*args, **options)
        self._line = line

    def _new_conn(self) -> socket.socket:
        return self._line.dial(self)


class _TLSConnection(HTTPSConnection):
    def __init__(self, *args: Any, line: Line, **options: Any) -> None:  # noqa: ANN401 - urllib3's own
        super().__init__(*args, **options)  # pyright: ignore[reportUnknownMemberType] - typed in part
        self._line = line

    def _new_conn(self) -> socket.socket:
        return self._line.dial(self)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection  # pyright: ignore[reportAssignmentType] - urllib3's own class fails its protocol too


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection  # pyright: ignore[reportAssignmentType] - see _Pool


class _Adapter(HTTPAdapter):
    """A `requests` adapter with room for one connection, which reports to its line."""

    def __init__(self, base: str, line: Line) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)
        parts = urlsplit(base)
        kind = _TLSPool if parts.scheme == "https" else _Pool
        self._pool = kind(parts.hostname or "", parts.port, maxsize=1, line=line)

    def get_connection_with_tls_context(self, *_args: object, **_options: object) -> HTTPConnectionPool:
        return self._pool

    def close(self) -> None:
        self._pool.close()
        super().close()
