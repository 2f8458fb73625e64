"""The ASGI application: HTTP in, the desk's answers out, with the faults that were asked for between."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route as Path

from entitlements.emulator.events import API_VERSION
from entitlements.emulator.ids import new_id
from entitlements.emulator.wire.auth import check_key, presented
from entitlements.emulator.wire.desk import Answer, Ask
from entitlements.emulator.wire.errors import ApiError, invalid
from entitlements.emulator.wire.forms import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.datastructures import Headers
    from starlette.types import ASGIApp, Receive, Scope, Send

    from entitlements.emulator.faults import Fault, Faults
    from entitlements.emulator.journal import Journal
    from entitlements.emulator.wire.desk import Desk

__all__ = ["application"]

_log = logging.getLogger("entitlements.emulator")
_FORM = "application/x-www-form-urlencoded"
_TEXTS = {429: "Testmode request rate limit exceeded, the rate limits in testmode are lower than livemode."}
_CODES = {429: "rate_limit"}
_SERVER_ERROR = 500


def application(desk: Desk, faults: Faults, journal: Journal, hang_up: Callable[[Scope], None]) -> ASGIApp:
    """Build the application; `hang_up` drops the connection a request came in by."""
    front = _Front(desk, faults, journal, hang_up)
    # One path for all: the desk knows the routes, and code in this process asks it without HTTP.
    return Starlette(routes=[Path("/{path:path}", front)])


@dataclass(frozen=True, slots=True)
class _Http:
    """A request as it came over the wire, its path still percent-encoded."""

    method: str
    path: str
    query: str
    headers: Headers
    body: str
    id: str

    @classmethod
    def of(cls, request: Request, body: bytes) -> _Http:
        path, query = request.scope["raw_path"].decode("latin-1"), request.scope["query_string"].decode("latin-1")
        return cls(request.method, path, query, request.headers, body.decode("utf-8", "replace"), new_id("req_"))

    @property
    def idempotency_key(self) -> str | None:
        return self.headers.get("idempotency-key") or None


class _Front:
    def __init__(self, desk: Desk, faults: Faults, journal: Journal, hang_up: Callable[[Scope], None]) -> None:
        self._desk = desk
        self._faults = faults
        self._journal = journal
        self._hang_up = hang_up
        self._in_flight: set[tuple[str, str]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            http = _Http.of(request, await request.body())
            self._journal.note(http.method, http.path, http.query, http.id)
            response = await self._respond(http)
        except (asyncio.CancelledError, ClientDisconnect):
            return  # the emulator stops while a fault holds this request, or the client went away
        if response is not None:
            await response(scope, receive, send)
            return
        self._hang_up(scope)
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _respond(self, http: _Http) -> Response | None:
        """Answer a request; None means to drop the line."""
        claim = (http.path, http.idempotency_key or "") if http.method == "POST" and http.idempotency_key else None
        if claim is None:
            return await self._with_faults(http)
        if claim in self._in_flight:
            return _response(Answer.refusing(_in_use(claim[1])), http)
        self._in_flight.add(claim)
        try:
            return await self._with_faults(http)
        finally:
            self._in_flight.discard(claim)

    async def _with_faults(self, http: _Http) -> Response | None:
        fault = self._faults.striking(http.method, http.path)
        if fault is None:
            return _response(self._work(http), http)
        answer = self._work(http) if fault.when == "after" else None
        if fault.kind == "reset":
            return None
        if fault.kind == "status":
            return _response(_failure(fault), http)
        await asyncio.wrap_future(fault.hold())
        return _response(answer or self._work(http), http)

    def _work(self, http: _Http) -> Answer:
        try:
            return self._desk.answer(_read(http))
        except ApiError as error:
            return Answer.refusing(error)
        except Exception:  # noqa: BLE001 - a server answers 500, whatever broke
            _log.exception("%s %s failed", http.method, http.path)
            message = "The emulator failed; see the log of entitlements.emulator, and please report it."
            return Answer.refusing(ApiError(_SERVER_ERROR, message, kind="api_error"))


def _read(http: _Http) -> Ask:
    check_key(presented(http.headers.get("authorization", "")))
    kind = http.headers.get("content-type", _FORM).partition(";")[0].strip().lower()
    if http.body and kind != _FORM:
        raise invalid(f"Invalid request: expected {_FORM}, got {kind}.")
    raw = parse("&".join(part for part in (http.query, http.body) if part))
    return Ask(http.method, http.path, raw, http.idempotency_key, http.id)


def _in_use(key: str) -> ApiError:
    message = (
        f"There is currently another in-progress request using this Idempotent Key (that request is not done): {key}"
    )
    return ApiError(409, message, code="idempotency_key_in_use")


def _failure(fault: Fault) -> Answer:
    if fault.body is not None:
        return Answer(fault.status, fault.body, fault.headers)
    message = _TEXTS.get(fault.status, "An error that this emulator was told to answer with.")
    kind = "api_error" if fault.status >= _SERVER_ERROR else "invalid_request_error"
    error = ApiError(fault.status, message, kind=kind, code=_CODES.get(fault.status))
    return Answer(fault.status, json.dumps(error.body), fault.headers)


def _response(answer: Answer, http: _Http) -> Response:
    headers = {
        "Request-Id": http.id,
        "Stripe-Version": http.headers.get("stripe-version", API_VERSION),
        **answer.headers,
    }
    return Response(answer.body, answer.status, headers, media_type="application/json")
