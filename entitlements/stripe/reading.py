"""Stripe's JSON as typed objects: what doesn't fit is an error, and never an absence."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from entitlements.stripe.errors import MalformedReply
from entitlements.stripe.objects.base import StripeObject

if TYPE_CHECKING:
    from entitlements.stripe.http import Reply

__all__ = ["check_mode", "read", "read_object"]

Read = TypeVar("Read", bound=StripeObject)


def read_object(model: type[Read], reply: Reply, *, livemode: bool | None) -> Read:
    """Read a reply that is one object."""
    return read(model, reply.body, livemode=livemode, request_id=reply.request_id)


def read(
    model: type[Read], value: object, *, livemode: bool | None, request_id: str | None, where: str = "the answer"
) -> Read:
    """Read one value as a `model`, of the mode the key is for."""
    try:
        item = model.model_validate(value)
    except ValidationError as invalid:
        reason = _first(invalid)
    else:
        check_mode(getattr(item, "livemode", None), livemode, request_id=request_id, where=where)
        return item
    raise MalformedReply(
        f"{where} is no {model.__name__}: {reason}; check Stripe-Version and what stands between here and Stripe",
        request_id=request_id,
    )


def check_mode(found: object, expected: bool | None, *, request_id: str | None, where: str) -> None:  # noqa: FBT001
    """Refuse an answer about live data to a test key, and the reverse: it is from another world."""
    if found is not None and expected is not None and found is not expected:
        raise MalformedReply(
            f"{where} has livemode {found!r} and the key is for {expected!r}; check STRIPE_API_KEY and api_base",
            request_id=request_id,
        )


def _first(invalid: ValidationError) -> str:
    """Tell the first thing wrong, without the value: an answer may hold anything."""
    error = invalid.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(str(step) for step in error["loc"]) or "the whole of it"
    return f"{place}: {error['msg']}"
