"""One WSGI request on its way through the middleware: its view bound, its headers held until they must go."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from entitlements.bound import bind
from entitlements.web.refusal import REFUSALS, Request, refusal_in
from entitlements.web.response import PRIVATE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from _typeshed import OptExcInfo

    from entitlements.customer import RequestView
    from entitlements.web.refusal import Refusal
    from entitlements.web.response import Response
    from entitlements.web.site import Site

__all__ = ["WSGIExchange", "request_of", "sent"]

_RAISED: Final = (*REFUSALS, BaseExceptionGroup)  # a group, where an application runs tasks of its own


class WSGIExchange:
    """Run an application for one request; a refusal before the body's first chunk replaces what it began to say."""

    def __init__(self, site: Site, view: RequestView, environ: WSGIEnvironment, start_response: StartResponse) -> None:
        self._site = site
        self._view = view
        self._environ = environ
        self._request = request_of(environ)  # as it came: applications rewrite their environ
        self._start_response = start_response
        self._held: tuple[str, list[tuple[str, str]]] | None = None
        self._write: Callable[[bytes], object] | None = None  # the server's, once it was given the headers

    def run(self, app: WSGIApplication) -> Iterable[bytes]:
        """Call the application, and give the body that the server is to send."""
        try:
            with bind(self._view):
                body = app(self._environ, self._hold)
        except _RAISED as raised:
            error = refusal_in(raised)
            if error is None:
                raise
            return self.refuse(error)
        if not _is_made(body, self._environ):
            return _Body(self, self._view, body)
        self.release()  # the server knows how to send these best: it counts a list, and hands a file to the kernel
        return body

    def release(self) -> None:
        """Give the headers to the server, unless that was done, or there are none yet."""
        if self._held is not None and self._write is None:
            status, headers = self._held
            self._write = self._start_response(status, _uncached(headers) if self._view.asked else headers)

    def refuse(self, error: Refusal) -> list[bytes]:
        """Make the refusal the response; where headers are out, the server raises the error again (PEP 3333)."""
        if self._write is None:
            self._held = None
            own = self._site.handler and self._site.handler(error, self._environ)
            if own is not None:
                return self._answered(own)
            return sent(self._site.refuse(error, self._request), self._start_response)
        response = self._site.refuse(error, self._request)
        self._start_response(response.status_line, list(response.headers), sys.exc_info())
        return _chunks(response)

    def _answered(self, own: WSGIApplication) -> list[bytes]:
        """Answer with an application's own response to a refusal, which no cache may keep either."""

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
        ) -> Callable[[bytes], object]:
            return self._start_response(status, _uncached(headers), exc_info)

        body = own(self._environ, start_response)
        try:
            return list(body)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def _hold(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        """Be the application's `start_response`."""
        if self._write is not None:  # what is said after the release is between application and server
            return self._start_response(status, headers, exc_info)
        if self._held is not None and exc_info is None:
            raise AssertionError("start_response was called twice without exc_info: see PEP 3333")
        self._held = (status, headers)
        return self._write_through

    def _write_through(self, chunk: bytes) -> None:
        self.release()
        if self._write is not None:
            self._write(chunk)


class _Body:
    """A body that is made as it is sent, with the view bound at each step and at no other time."""

    def __init__(self, exchange: WSGIExchange, view: RequestView, body: Iterable[bytes]) -> None:
        self._exchange = exchange
        self._view = view
        self._body = body
        self._steps: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            chunk = self._step()
        except StopIteration:
            self._exchange.release()
            raise
        except _RAISED as raised:
            error = refusal_in(raised)
            if error is None:
                raise
            self._steps = iter(())
            return b"".join(self._exchange.refuse(error))
        self._exchange.release()
        return chunk

    def close(self) -> None:
        """Close the application's body, if it can be closed."""
        close = getattr(self._body, "close", None)
        if close is not None:
            with bind(self._view):
                close()

    def _step(self) -> bytes:
        with bind(self._view):
            if self._steps is None:
                self._steps = iter(self._body)
            return next(self._steps)


def sent(response: Response, start_response: StartResponse) -> list[bytes]:
    """Send a response of ours."""
    start_response(response.status_line, list(response.headers))
    return _chunks(response)


def _chunks(response: Response) -> list[bytes]:
    return [response.body] if response.body else []


def _is_made(body: object, environ: WSGIEnvironment) -> bool:
    """Say whether a body needs nothing more of the application: it is a list, or a file for the server to send."""
    if type(body) in {list, tuple}:
        return True
    wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(wrapper, type) and isinstance(body, wrapper)


def _uncached(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    if any(name.lower() == "cache-control" for name, _ in headers):
        return headers
    return [*headers, ("Cache-Control", PRIVATE)]


def request_of(environ: WSGIEnvironment) -> Request:
    """Read from an environ what a refusal's form depends on."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return Request(
        method=environ["REQUEST_METHOD"],
        accept=environ.get("HTTP_ACCEPT", ""),
        path=path.encode("latin-1", "replace").decode("utf-8", "replace"),  # PEP 3333 has bytes travel as latin-1
        query=environ.get("QUERY_STRING", ""),
    )
