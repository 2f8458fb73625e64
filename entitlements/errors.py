"""Every error the library raises, on one root.

EntitlementsError
├── InvalidInput               (also a ValueError) an argument that can't be right; raised before any I/O
│   └── InvalidSettings        a setting, from an argument or the environment
├── NotConfigured              a gate that was told neither which instance nor whose customer
├── UnknownFeature             strict mode only: a lookup key the catalogue doesn't have
├── FeatureRequired            the answer is no             (HTTP 402; 403 when nobody is signed in)
├── EntitlementsUnavailable    the answer can't be known    (HTTP 503)
├── SignatureError             a webhook that can't be trusted or read (HTTP 400)
└── StripeError                Stripe answered with an error, or not at all; see `entitlements.stripe`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entitlements.decision import Decision
    from entitlements.terms import Terms

__all__ = [
    "EntitlementsError",
    "EntitlementsUnavailable",
    "FeatureRequired",
    "InvalidInput",
    "InvalidSettings",
    "NotConfigured",
    "SignatureError",
    "StripeError",
    "UnknownFeature",
]


class EntitlementsError(Exception):
    """Catch everything this library raises.

    >>> from entitlements import Entitlements, EntitlementsError
    >>> with Entitlements("sk_test_123") as ents:
    ...     try:
    ...         ents.require("", "exports")
    ...     except EntitlementsError as error:
    ...         print(type(error).__name__)
    InvalidInput
    """


class InvalidInput(EntitlementsError, ValueError):
    """Tell the caller which value is wrong, by which rule, and what to do; no I/O has happened."""


class InvalidSettings(InvalidInput):
    """Tell which setting is wrong, where it came from, and what it accepts."""


class NotConfigured(EntitlementsError):
    """A gate ran with neither a bound view, nor its own `entitlements=`, nor `entitlements.configure(...)`."""


class UnknownFeature(EntitlementsError):
    """A lookup key is not in the catalogue; raised in strict mode only, with the nearest key named."""


class _Refusal(EntitlementsError):
    """A refusal carries the `Decision` it rests on, so that a handler can say why and what would help."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision)  # the decision is the argument, so that the error survives pickling
        self.decision = decision

    def __str__(self) -> str:
        return self.decision.sentence


class FeatureRequired(_Refusal):
    """The customer is known not to have the feature: sell, don't apologise.

    Attributes:
        decision: why, and what would unlock it.
        terms: how the gate that raised this wants it shown; `None` where it said nothing of that.
    """

    def __init__(self, decision: Decision, terms: Terms | None = None) -> None:
        super().__init__(decision)
        self.terms = terms


class EntitlementsUnavailable(EntitlementsError):
    """Nothing usable could be learnt in time, or a change couldn't be made known everywhere: try again.

    Attributes:
        decision: what was asked, when a question was asked; `None` when a fence could not be raised everywhere.
        retry_after: seconds after which another try makes sense.
    """

    def __init__(
        self, decision: Decision | None = None, *, message: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(decision)
        self.decision = decision
        self._message = message
        # `is None`, not truth: a decision that can't be told is false
        self.retry_after = decision.retry_after if retry_after is None and decision is not None else retry_after

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_unavailable, (self.decision, self._message, self.retry_after)

    def __str__(self) -> str:
        return self._message or (_NOT_NOW if self.decision is None else self.decision.sentence)


_NOT_NOW = "Entitlements are unavailable just now. Please try again."


def _rebuild_unavailable(decision: Decision | None, message: str, retry_after: float | None) -> EntitlementsUnavailable:
    return EntitlementsUnavailable(decision, message=message, retry_after=retry_after)


class SignatureError(EntitlementsError):
    """A webhook's signature, age or body is not acceptable; nothing was changed. Answer 400."""


_WHOEVER_ASKS = frozenset({401, 403, 429})


class StripeError(EntitlementsError):
    """Stripe answered with an error, answered nonsense, or did not answer.

    Attributes:
        status: the HTTP status, or `None` when there was no answer.
        type: Stripe's `error.type`, one of four values.
        code: Stripe's `error.code`, such as `resource_missing`.
        param: the parameter Stripe objects to.
        request_id: `req_...`, to quote to Stripe's support.
    """

    def __init__(  # noqa: PLR0913 - one argument for each thing Stripe says
        self,
        message: str,
        *,
        status: int | None = None,
        type: str | None = None,  # noqa: A002 - Stripe's own word for it
        code: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.code = code
        self.param = param
        self.request_id = request_id

    @property
    def concerns_everybody(self) -> bool:
        """Say whether another request may meet the same: no answer, a refused key, a limit, a fault of Stripe's."""
        return self.status is None or self.status in _WHOEVER_ASKS or self.status >= 500  # noqa: PLR2004 - HTTP's own

    def __str__(self) -> str:
        message = str(self.args[0])
        return f"{message} (request {self.request_id})" if self.request_id else message
