"""A WSGI server of one request, held to PEP 3333 by the standard library's validator.

reply = call(app, path="/report", accept="text/html")
visit = Visit(app); visit.begin(); next(visit.body); visit.end()     # or step by step
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

from web_reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from _typeshed import OptExcInfo

__all__ = ["Visit", "call", "checked"]

_NAMES: Final = {"method": "REQUEST_METHOD", "path": "PATH_INFO", "query": "QUERY_STRING", "accept": "HTTP_ACCEPT"}


def checked(app: WSGIApplication) -> WSGIApplication:
    """Hold whatever wraps `app` to the protocol of a server; the validator admits no variable of ours, so it goes."""
    inner = validator(app)

    def bare(environ: WSGIEnvironment, start_response: Callable[..., Callable[[bytes], object]]) -> Iterable[bytes]:
        return inner({name: value for name, value in environ.items() if name != "entitlements"}, start_response)

    return bare


class Visit:
    """One request, step by step: headers go out with the first byte of the body, as PEP 3333 has it."""

    def __init__(self, app: WSGIApplication, *, body: object = b"", valid: bool = True, **request: object) -> None:
        self.app = validator(app) if valid else app
        named = {_NAMES.get(name, name): value for name, value in request.items()}
        length = {"CONTENT_LENGTH": str(len(body))} if isinstance(body, bytes) and body else {}
        stream = io.BytesIO(body) if isinstance(body, bytes) else body
        own = {"SCRIPT_NAME": "", "PATH_INFO": "/", "QUERY_STRING": "", "wsgi.file_wrapper": FileWrapper}
        self.environ: WSGIEnvironment = {**own, **length, "wsgi.input": stream, **named}
        setup_testing_defaults(self.environ)
        self.heads: list[tuple[str, list[tuple[str, str]]]] = []
        self.sent = b""
        self.result: Iterable[bytes] = ()
        self.body: Iterator[bytes] = iter(())

    def begin(self) -> None:
        self.result = self.app(self.environ, self._start_response)
        self.body = iter(self.result)

    def send(self) -> None:
        for chunk in self.body:
            self.write(chunk)

    def end(self) -> None:
        close = getattr(self.result, "close", None)
        if close:
            close()

    def reply(self) -> Reply:
        status, headers = self.heads[-1]
        return Reply.of(int(status.split()[0]), headers, self.sent)

    def write(self, chunk: bytes) -> None:
        assert self.heads, "a body before its headers"
        self.sent += chunk

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        if self.sent:
            assert exc_info
            assert exc_info[1]
            raise exc_info[1]
        assert exc_info or not self.heads, "start_response was called twice without exc_info"
        self.heads.append((status, headers))
        return self.write


def call(app: WSGIApplication, **request: Any) -> Reply:
    """Do one request to its end."""
    visit = Visit(app, **request)
    visit.begin()
    try:
        visit.send()
    finally:
        visit.end()
    return visit.reply()
