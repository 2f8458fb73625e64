"""What can go wrong between here and Stripe, as a tree under `entitlements.StripeError`.

    StripeError
    ├── StripeConnectionError    no answer: refused, reset, cut short, no such host, bad TLS
    │   ├── StripeTimeout        no whole answer by the deadline
    │   └── StripeTLSError       nobody there that can be trusted
    ├── MalformedReply           an answer that is not what Stripe documents; never read as "nothing there"
    ├── InvalidRequest           400, 402, 404 and other 4xx
    │   └── ResourceMissing      code `resource_missing`
    ├── AuthenticationFailed     401: the key
    ├── PermissionDenied         403: what a restricted key may do
    ├── IdempotencyConflict      409, or a key used twice for different requests
    ├── RateLimited              429
    └── StripeServerError        5xx

They pickle, and hold no key: not in their text, their attributes, nor in an exception chained to them.
"""

from __future__ import annotations

from entitlements.errors import StripeError

__all__ = [
    "AuthenticationFailed",
    "IdempotencyConflict",
    "InvalidRequest",
    "MalformedReply",
    "PermissionDenied",
    "RateLimited",
    "ResourceMissing",
    "StripeConnectionError",
    "StripeError",
    "StripeServerError",
    "StripeTLSError",
    "StripeTimeout",
]


class StripeConnectionError(StripeError):
    """No answer came. Whether the request was carried out is not known; a POST may be repeated under its key."""


class StripeTimeout(StripeConnectionError):
    """No whole answer came by the deadline; the connection was shut."""


class StripeTLSError(StripeConnectionError):
    """The connection can't be trusted, and trying again won't change that."""


class MalformedReply(StripeError):
    """The answer breaks Stripe's own description of it, so nothing is concluded from it."""


class InvalidRequest(StripeError):
    """Stripe refuses the request as it stands; sending it again will not help."""


class ResourceMissing(InvalidRequest):
    """Stripe has no such object; `param` says which id it means (`id` when it stood in the path)."""

    def concerns(self, param: str, value: str) -> bool:
        """Say whether it is this parameter's object that is gone; Stripe may not name the parameter, but the id."""
        return self.param == param or (self.param is None and value in str(self))


class AuthenticationFailed(StripeError):
    """Stripe doesn't know this API key: check STRIPE_API_KEY, and that it was not rolled."""


class PermissionDenied(StripeError):
    """The key is known and may not do this: a restricted key wants `Entitlements: Read`, or more."""


class IdempotencyConflict(StripeError):
    """The idempotency key is in use by a request still running, or was used for a different one."""


class RateLimited(StripeError):
    """Too many requests.

    Attributes:
        retry_after: the seconds Stripe asks for, when it says.
        reason: `Stripe-Rate-Limited-Reason`, such as `endpoint-rate`; `None` for a lock on an object.
    """

    def __init__(  # noqa: PLR0913 - StripeError's own, and two more
        self,
        message: str,
        *,
        status: int | None = None,
        type: str | None = None,  # noqa: A002 - Stripe's own word for it
        code: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message, status=status, type=type, code=code, param=param, request_id=request_id)
        self.retry_after = retry_after
        self.reason = reason


class StripeServerError(StripeError):
    """Stripe failed on its side."""
