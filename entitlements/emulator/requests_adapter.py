"""A transport for `requests` that reaches the emulator without a port."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from entitlements.emulator.wire.http import Http

if TYPE_CHECKING:
    from collections.abc import Mapping

    from entitlements.emulator.in_process import Passage
    from entitlements.emulator.wire.http import Reply

__all__ = ["EmulatorAdapter"]


class EmulatorAdapter(HTTPAdapter):
    """Send what a session is asked for to an emulator of this process, whatever the host; mount it to use it."""

    def __init__(self, passage: Passage) -> None:
        super().__init__(max_retries=0)
        self._passage = passage

    def send(  # noqa: PLR0913, PLR0917 - as `requests` has it
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - as `requests` has it
        timeout: float | tuple[float | None, float | None] | None = None,
        verify: bool | str = True,  # noqa: ARG002, FBT001, FBT002 - there is no certificate to verify
        cert: object = None,  # noqa: ARG002 - nor one to show
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002 - nor a way round
    ) -> requests.Response:
        """Make a request; the errors are those of a socket."""
        patience = timeout[1] if isinstance(timeout, tuple) else timeout
        try:
            reply = self._passage.ask(_read(request), patience)
        except TimeoutError as error:
            raise requests.ReadTimeout(error, request=request) from error
        except ConnectionError as error:
            raise requests.ConnectionError(error, request=request) from error
        response = self.build_response(request, _raw(reply))
        if not stream:
            _ = response.content
        return response


def _read(request: requests.PreparedRequest) -> Http:
    parts = urlsplit(request.url or "")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Http(request.method or "GET", parts.path or "/", parts.query, headers, _body(request.body))


def _body(body: object) -> bytes:
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    if body is None:
        return b""
    raise TypeError(f"a request's body must be text or bytes here, not {type(body).__name__}; read it first")


def _raw(reply: Reply) -> HTTPResponse:
    """Write a reply as urllib3 would have read it; one that is cut off fails as it is read to its end."""
    body = reply.body[: len(reply.body) // 2] if reply.way == "half" else reply.body
    headers = {**reply.headers, "Content-Length": str(len(reply.body))}
    return HTTPResponse(BytesIO(body), headers, reply.status, preload_content=False)
