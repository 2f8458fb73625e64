"""Requests to Stripe's API: one deadline for each, one layer of retries, and the key on none but them."""

from __future__ import annotations

import functools
import logging
import random as _random
import time
import uuid
import weakref
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final, NoReturn, Protocol, cast

from entitlements.errors import InvalidSettings, StripeError
from entitlements.stripe.address import STRIPE, usable_base
from entitlements.stripe.answer import readable
from entitlements.stripe.errors import MalformedReply, StripeConnectionError, StripeTimeout, StripeTLSError
from entitlements.stripe.forms import form, query
from entitlements.stripe.ids import header_value
from entitlements.stripe.lines import Lines
from entitlements.stripe.refusals import refusal
from entitlements.stripe.retries import Retries, RetryBudget
from entitlements.stripe.secret import NoSecret, Secret
from entitlements.stripe.strict_json import BadJson, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from entitlements.clocks import Deadline
    from entitlements.stripe.answer import Answer
    from entitlements.stripe.forms import Params
    from entitlements.stripe.line import Line

__all__ = ["VERSION", "Chargeable", "Http", "Reply"]

VERSION: Final = "2026-10-28.endive"
_LONGEST: Final = 8 * 1024 * 1024
_log = logging.getLogger("entitlements")


class Chargeable(Protocol):
    """A budget of requests, told of each one beyond the first of a fetch."""

    def charge(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Reply:
    """A success: the JSON object Stripe sent, and the request's id."""

    body: Mapping[str, object]
    request_id: str | None


@dataclass(frozen=True, slots=True)
class _Ask:
    method: str
    path: str
    query: str = ""
    body: str | None = None
    idempotency_key: str | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Http:
    """Send requests to one account at one base address, from any thread and after any fork."""

    def __init__(  # noqa: PLR0913 - each is a setting, or what a test moves
        self,
        api_key: str | Secret,
        *,
        api_base: str = STRIPE,
        stripe_account: str | None = None,
        stripe_version: str = VERSION,
        max_retries: int = 2,
        budget: Chargeable | None = None,
        retry_budget: RetryBudget | None = None,
        longest: int = _LONGEST,
        ca_bundle: str | None = None,
        sleep: Callable[[float], object] = time.sleep,
        random: Callable[[], float] = _random.random,
    ) -> None:
        # The names too: a traceback may show this frame's locals.
        wrapped, api_key = Secret.wrapped(api_key), ""
        base, api_base = Secret.wrapped(api_base), ""
        self._key = _usable_key(wrapped)
        self.base = usable_base(base)
        if stripe_account is not None:
            stripe_account = header_value(stripe_account, what="stripe_account", example="acct_123")
        self._account = stripe_account
        self._version = header_value(stripe_version, what="stripe_version", example=VERSION)
        self._retries = Retries(max_retries, budget=retry_budget, random=random)
        self._budget = budget
        self._longest = longest
        self._sleep = sleep
        self._dial: Final = functools.partial(_dial, self.base, ca_bundle)
        self._lines = Lines(self._dial)
        weakref.finalize(self, self._lines.close).atexit = False  # whoever lets go of us lets go of the connections

    def get(self, path: str, params: Params | None = None, *, deadline: Deadline) -> Reply:
        return self._send(_Ask("GET", path, query=query(params or {})), deadline)

    def post(
        self, path: str, params: Params | None = None, *, deadline: Deadline, idempotency_key: str | None = None
    ) -> Reply:
        """Send a POST; its retries carry the same idempotency key, so that it is carried out once."""
        if idempotency_key is not None:
            idempotency_key = header_value(idempotency_key, what="idempotency_key", example="order-6735-attach")
        key = idempotency_key or str(uuid.uuid4())
        return self._send(_Ask("POST", path, body=form(params or {}), idempotency_key=key), deadline)

    def delete(self, path: str, *, deadline: Deadline) -> Reply:
        return self._send(_Ask("DELETE", path), deadline)

    def charge(self) -> None:
        """Count a request beyond the first of a fetch against the budget."""
        if self._budget is not None:
            self._budget.charge()

    @property
    def livemode(self) -> bool | None:
        """Tell what the key's prefix says: live, test, or nothing (`None`)."""
        return self._key.livemode

    def close(self) -> None:
        """Close the idle connections; a later request is refused, one under way finishes."""
        self._lines.close()

    def _send(self, ask: _Ask, deadline: Deadline) -> Reply:
        self._retries.begin()
        tried = 0
        while True:
            outcome = self._attempt(ask, deadline)
            if isinstance(outcome, Reply):
                return outcome
            wait = None
            if outcome.again:
                wait = self._retries.wait(tried, at_least=outcome.after, within=deadline.remaining())
            if wait is None:
                raise outcome.error
            tried += 1
            _log.debug("retry %d of %s in %.3f s after %s", tried, ask, wait, type(outcome.error).__name__)
            self.charge()
            self._sleep(wait)

    def _attempt(self, ask: _Ask, deadline: Deadline) -> Reply | _Fault:
        if self._lines.closed:
            return _Fault(StripeConnectionError("this client is closed; make another"))
        if deadline.passed:
            return _Fault(StripeTimeout(f"{ask} was not sent: its deadline has passed; allow more time"))
        answer = self._exchange(ask, deadline)
        if isinstance(answer, StripeError):
            return _Fault(answer, again=_worth_retrying(answer))
        if answer.ok:
            return self._reply(ask, answer)
        error = refusal(answer, str(ask), self._key.scrub)
        return _Fault(error, again=answer.should_retry, after=answer.retry_after)

    def _exchange(self, ask: _Ask, deadline: Deadline) -> Answer | StripeError:
        request = self._prepared(ask)
        line = self._lines.take()
        try:
            return line.exchange(request, deadline, longest=self._longest)
        finally:
            self._lines.give(line)

    def _reply(self, ask: _Ask, answer: Answer) -> Reply | _Fault:
        request_id = readable(self._key.scrub(answer.request_id)) if answer.request_id else None
        try:
            body = loads(answer.content)
        except BadJson as bad:
            reason = str(bad)
        else:
            if isinstance(body, dict):
                return Reply(cast("dict[str, object]", body), request_id)
            reason = "it is no JSON object"
        return _Fault(
            MalformedReply(
                f"the answer to {ask} can't be read: {reason}; check what stands between here and Stripe",
                status=answer.status,
                request_id=request_id,
            )
        )

    def preload(self) -> None:
        """Load what the first request would load."""
        import_module("requests")
        self._dial().close()
        _user_agent()

    def _prepared(self, ask: _Ask) -> requests.PreparedRequest:
        import requests  # noqa: PLC0415 - not before the first request

        url = f"{self.base}{ask.path}?{ask.query}" if ask.query else f"{self.base}{ask.path}"
        return requests.Request(ask.method, url, data=ask.body, auth=_Headers(self, ask)).prepare()

    def headers(self, ask: _Ask) -> dict[str, str]:
        headers = {
            "Authorization": self._key.bearer(),
            "Stripe-Version": self._version,
            "User-Agent": _user_agent(),
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # a body that can't swell
        }
        if self._account is not None:
            headers["Stripe-Account"] = self._account
        if ask.idempotency_key is not None:
            headers["Idempotency-Key"] = ask.idempotency_key
        if ask.body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        return headers

    def __repr__(self) -> str:
        own = vars(self)  # half of it, when a traceback shows a connection that could not be made
        return f"Http({own.get('base')!r}, {own.get('_key')!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a connection to Stripe can't be pickled; make one where it is needed")


@dataclass(frozen=True, slots=True)
class _Fault:
    error: StripeError
    again: bool = False
    after: float | None = None


class _Headers:
    """Put the headers on a request as its last preparation, so that no frame of ours holds them."""

    def __init__(self, http: Http, ask: _Ask) -> None:
        self._http = http
        self._ask = ask

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._http.headers(self._ask))
        return request


def _worth_retrying(error: StripeError) -> bool:
    return isinstance(error, StripeConnectionError) and not isinstance(error, StripeTimeout | StripeTLSError)


def _usable_key(value: object) -> Secret:
    if not isinstance(value, Secret):
        rule = value.trouble if isinstance(value, NoSecret) else f"is {value}: set STRIPE_API_KEY or pass api_key="
        raise InvalidSettings(f"api_key {rule}")
    if not value:
        raise InvalidSettings("api_key is empty; set STRIPE_API_KEY or pass api_key='sk_test_...'")
    if not _fit_for_a_header(value):
        raise InvalidSettings(
            f"api_key {value!r} holds whitespace or a character no key has; copy it again from Stripe"
        )
    return value


def _fit_for_a_header(key: Secret) -> bool:
    return all("!" <= character <= "~" for character in key.reveal())


@functools.cache
def _user_agent() -> str:
    from importlib.metadata import version  # noqa: PLC0415 - slow to load, wanted once

    return f"entitlements/{version('entitlements')}"


def _dial(base: str, ca_bundle: str | None) -> Line:
    from entitlements.stripe.line import Line  # noqa: PLC0415 - not before the first request

    return Line(base, ca_bundle=ca_bundle)
