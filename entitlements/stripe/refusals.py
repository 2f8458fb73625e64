"""Which error an answer is."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

from entitlements.stripe.answer import readable
from entitlements.stripe.errors import (
    AuthenticationFailed,
    IdempotencyConflict,
    InvalidRequest,
    MalformedReply,
    PermissionDenied,
    RateLimited,
    ResourceMissing,
    StripeServerError,
)
from entitlements.stripe.strict_json import BadJson, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from entitlements.errors import StripeError
    from entitlements.stripe.answer import Answer

__all__ = ["refusal"]

_BY_STATUS: Final[Mapping[int, type[StripeError]]] = {
    HTTPStatus.UNAUTHORIZED: AuthenticationFailed,
    HTTPStatus.FORBIDDEN: PermissionDenied,
    HTTPStatus.CONFLICT: IdempotencyConflict,
}


def refusal(answer: Answer, asked: str, scrub: Callable[[str], str]) -> StripeError:
    """Make the error for an answer that is no success; `asked` says what was asked, `scrub` masks secrets."""
    said = _Said(answer, scrub)
    message = f"Stripe refused {asked} with {answer.status}: {said.text('message') or 'it gave no readable reason'}"
    if answer.status < HTTPStatus.BAD_REQUEST:
        return MalformedReply(
            f"{asked} was answered with {answer.status}; Stripe never redirects, nothing is followed: check api_base",
            status=answer.status,
            request_id=said.request_id,
        )
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(
            message,
            status=answer.status,
            type=said.text("type"),
            code=said.text("code"),
            param=said.text("param"),
            request_id=said.request_id,
            retry_after=answer.retry_after,
            reason=said.header("stripe-rate-limited-reason"),
        )
    return _kind(answer.status, said)(
        message,
        status=answer.status,
        type=said.text("type"),
        code=said.text("code"),
        param=said.text("param"),
        request_id=said.request_id,
    )


def _kind(status: int, said: _Said) -> type[StripeError]:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return StripeServerError
    if said.text("type") == "idempotency_error":
        return IdempotencyConflict
    if said.text("code") == "resource_missing":
        return _BY_STATUS.get(status, ResourceMissing)  # who was let in nowhere was told nothing about what is there
    return _BY_STATUS.get(status, InvalidRequest)


class _Said:
    """The texts of an answer, clean enough for an error that will be logged."""

    def __init__(self, answer: Answer, scrub: Callable[[str], str]) -> None:
        self._headers = answer.headers
        self._envelope = _envelope(answer.content)
        self._scrub = scrub

    def text(self, member: str) -> str | None:
        return self._clean(self._envelope.get(member))

    def header(self, name: str) -> str | None:
        return self._clean(self._headers.get(name))

    @property
    def request_id(self) -> str | None:
        return self.header("request-id")

    def _clean(self, value: object) -> str | None:
        return readable(self._scrub(value)) if isinstance(value, str) else None


def _envelope(content: bytes) -> Mapping[str, object]:
    try:
        body = loads(content)
    except BadJson:
        return {}
    error = cast("dict[str, object]", body).get("error") if isinstance(body, dict) else None
    return cast("dict[str, object]", error) if isinstance(error, dict) else {}
