"""The front: requests from wherever they come, met by limits and faults, handed to the desk, answered."""

from __future__ import annotations

import logging
import re
import threading
from typing import TYPE_CHECKING

from entitlements.emulator.events import API_VERSION
from entitlements.emulator.wire import spoil
from entitlements.emulator.wire.auth import check_key, presented
from entitlements.emulator.wire.desk import Answer, Ask
from entitlements.emulator.wire.errors import ApiError, invalid
from entitlements.emulator.wire.forms import parse
from entitlements.emulator.wire.http import Http, Reply
from entitlements.emulator.wire.uploads import MULTIPART, parse_upload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entitlements.emulator.fault import Fault
    from entitlements.emulator.faults import Faults
    from entitlements.emulator.journal import Journal
    from entitlements.emulator.lag import Past
    from entitlements.emulator.limits import Gauge
    from entitlements.emulator.store import Json
    from entitlements.emulator.wire.desk import Desk
    from entitlements.emulator.wire.http import Steps

__all__ = ["Front"]

_log = logging.getLogger("entitlements.emulator")
_FORM = "application/x-www-form-urlencoded"
_SUBSCRIPTION = re.compile("/v1/subscriptions/([^/]+)")
_SERVER_ERROR = 500


class Front:
    """Serve requests, in any thread; the faults set by hand come before those of the profile."""

    def __init__(self, desk: Desk, journal: Journal, faults: Sequence[Faults], past: Past, gauge: Gauge) -> None:
        self._desk = desk
        self._journal = journal
        self._faults = faults
        self._past = past
        self._gauge = gauge
        self._in_flight: set[tuple[str, str, str]] = set()
        self._guard = threading.Lock()

    def serve(self, http: Http) -> Steps:
        """Answer a request, in steps."""
        self._journal.note(http.method, http.path, http.query, http.id)
        if http.method != "POST" or http.idempotency_key is None:
            return (yield from self._admit(http))
        claim = (self._named(http), http.path, http.idempotency_key)
        if not self._claimed(claim):
            return _reply(Answer.refusing(_in_use(http.idempotency_key)), http)
        try:
            return (yield from self._admit(http))
        finally:
            self._in_flight.discard(claim)

    def _claimed(self, claim: tuple[str, str, str]) -> bool:
        with self._guard:
            free = claim not in self._in_flight
            self._in_flight.add(claim)
            return free

    def _admit(self, http: Http) -> Steps:
        route = self._desk.route(http.method, http.path)
        reason = self._gauge.exceeded(self._named(http), route, _with_quantity(http))
        if reason is not None:
            return _reply(spoil.rate_limited(reason), http)
        fault = self._striking(http, lists=route is not None and "limit" in route.params)
        if fault is None:
            return _reply(self._work(http), http)
        return (yield from self._suffer(fault, http))

    def _striking(self, http: Http, *, lists: bool) -> Fault | None:
        found = (faults.striking(http.method, http.path, http.query, lists=lists) for faults in self._faults)
        return next((fault for fault in found if fault is not None), None)

    def _suffer(self, fault: Fault, http: Http) -> Steps:
        done = _reply(self._work(http), http) if fault.when == "after" else None
        match fault.kind:
            case "status":
                failure = spoil.failure(fault)
                if done is not None and done.status < _CLIENT_ERROR:
                    self._desk.amend(self._read(http), failure)
                return _reply(failure, http)
            case "reset":
                return (done or _NOTHING).suffering(fault)
            case "half" | "drip":
                return _reply(self._work(http), http).suffering(fault)
            case "empty_page":
                return _reply(spoil.emptied(self._work(http)), http)
            case "revoked_cursor":
                return _reply(spoil.revoked(self._work, http), http)
            case _:
                yield fault.hold()
                return done or _reply(self._work(http), http)

    def _work(self, http: Http) -> Answer:
        try:
            ask = self._read(http)
            return self._desk.answer(ask, self._past.seen_by(ask, self._lag(http)))
        except ApiError as error:
            return Answer.refusing(error)
        except Exception:  # noqa: BLE001 - a server answers 500, whatever broke
            _log.exception("%s %s failed", http.method, http.path)
            message = "The emulator failed; see the log of entitlements.emulator, and please report it."
            return Answer.refusing(ApiError(_SERVER_ERROR, message, kind="api_error"))

    def _read(self, http: Http) -> Ask:
        check_key(_key(http))
        account = self._account(http)
        return Ask(http.method, http.path, _form(http), http.idempotency_key, http.id, account=account)

    def _account(self, http: Http) -> str:
        wanted = http.headers.get("stripe-account") or http.headers.get("stripe-context")
        return self._desk.account(_key(http), wanted)

    def _named(self, http: Http) -> str:
        """Name the account a request counts for; those that are refused count together."""
        try:
            return self._account(http)
        except ApiError:
            return ""

    def _lag(self, http: Http) -> Fault | None:
        found = (faults.lagging(http.method, http.path) for faults in self._faults)
        return next((lag for lag in found if lag is not None), None)


_CLIENT_ERROR = 400
_NOTHING = Reply(_SERVER_ERROR, {}, b"")  # what nobody gets to see: its connection is reset


def _key(http: Http) -> str:
    return presented(http.headers.get("authorization", ""))


def _form(http: Http) -> Json:
    content_type = http.headers.get("content-type", _FORM)
    kind = content_type.partition(";")[0].strip().lower()
    if kind == MULTIPART:
        return parse_upload(content_type, http.body)
    if http.body and kind != _FORM:
        raise invalid(f"Invalid request: expected {_FORM}, got {kind}.")
    return parse("&".join(part for part in (http.query, http.text) if part))


def _with_quantity(http: Http) -> str | None:
    """Name the subscription whose quantities a request would change."""
    changes = http.method == "POST" and re.search(r"quantity(\]|%5D)=", http.text, re.IGNORECASE)
    found = _SUBSCRIPTION.fullmatch(http.path) if changes else None
    return None if found is None else found[1]


def _in_use(key: str) -> ApiError:
    message = (
        f"There is currently another in-progress request using this Idempotent Key (that request is not done): {key}"
    )
    return ApiError(409, message, code="idempotency_key_in_use")


def _reply(answer: Answer, http: Http) -> Reply:
    contents = answer.contents
    headers = {
        "Content-Type": "application/json" if contents is None else contents.media,
        "Request-Id": http.id,
        "Stripe-Version": http.headers.get("stripe-version", API_VERSION),
        **answer.headers,
    }
    return Reply(answer.status, headers, answer.body.encode() if contents is None else contents.body)
