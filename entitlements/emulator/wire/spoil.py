"""Answers as faults have them: refusals with Stripe's own words, pages emptied, cursors revoked."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from entitlements.emulator.ids import new_id
from entitlements.emulator.wire.desk import Answer
from entitlements.emulator.wire.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.emulator.fault import Fault
    from entitlements.emulator.wire.http import Http

__all__ = ["CURSORS", "emptied", "failure", "rate_limited", "revoked"]

CURSORS = ("starting_after", "ending_before")

_RATE_LIMIT = (
    "Testmode request rate limit exceeded, the rate limits in testmode are lower than livemode. You can learn more "
    "about rate limits here https://stripe.com/docs/rate-limits."
)
_LOCK_TIMEOUT = (
    "This object cannot be accessed right now because another API request or Stripe process is currently accessing it. "
    "If you see this error intermittently, retry the request. If you see this error frequently and are making multiple "
    "concurrent requests to a single object, make your requests serially or at a lower rate. For more details, see "
    "https://stripe.com/docs/rate-limits#object-lock-timeouts."
)
_TEXTS = {"rate_limit": _RATE_LIMIT, "lock_timeout": _LOCK_TIMEOUT}
_TOO_MANY, _SERVER_ERROR = 429, 500


def failure(fault: Fault) -> Answer:
    """Write the refusal a fault asks for: Stripe's error body, unless it brings its own."""
    if fault.body is not None:
        return Answer(fault.status, fault.body, fault.headers)
    code = fault.code or ("rate_limit" if fault.status == _TOO_MANY else None)
    message = _TEXTS.get(code or "", "An error that this emulator was told to answer with.")
    kind = "api_error" if fault.status >= _SERVER_ERROR else "invalid_request_error"
    return Answer(fault.status, json.dumps(ApiError(fault.status, message, kind=kind, code=code).body), fault.headers)


def rate_limited(reason: str) -> Answer:
    """Write a 429 as Stripe does, with the limit that was exceeded."""
    error = ApiError(_TOO_MANY, _RATE_LIMIT, code="rate_limit")
    return Answer(error.status, json.dumps(error.body), {"Stripe-Rate-Limited-Reason": reason})


def emptied(answer: Answer) -> Answer:
    """Empty a page and let it claim that more follow."""
    page = json.loads(answer.body)
    if page.get("object") != "list":
        return answer  # a refusal: there is no page to empty
    return replace(answer, body=json.dumps({**page, "data": [], "has_more": True}))


def revoked(work: Callable[[Http], Answer], http: Http) -> Answer:
    """Answer as if the object a cursor names were gone.

    The list is asked with an id that never was, so that the refusal is the list's own.
    """
    gone = new_id("gone_")
    pairs = parse_qsl(http.query, keep_blank_values=True)
    cursor = next(value for name, value in pairs if name in CURSORS)
    query = urlencode([(name, gone if name in CURSORS else value) for name, value in pairs])
    answer = work(replace(http, query=query))
    return replace(answer, body=answer.body.replace(gone, json.dumps(cursor)[1:-1]))
