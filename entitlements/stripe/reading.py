"""Stripe's JSON as typed objects: what doesn't fit is an error, and never an absence."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from pydantic import ValidationError

from entitlements.stripe.errors import MalformedReply
from entitlements.stripe.objects.base import StripeObject

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        for mode in _modes(item):
            check_mode(mode, livemode, request_id=request_id, where=where)
        return item
    raise MalformedReply(
        f"{where} is no {model.__name__}: {reason}; check Stripe-Version and what stands between here and Stripe",
        request_id=request_id,
    )


def check_mode(found: object, expected: bool | None, *, request_id: str | None, where: str) -> None:  # noqa: FBT001
    """Refuse an answer about live data to a test key, and the reverse: it is from another world."""
    if found is not None and expected is not None and found is not expected:
        says = found if isinstance(found, bool) else "that is neither true nor false"
        raise MalformedReply(
            f"{where} has livemode {says} and the key is for {expected}; check STRIPE_API_KEY and api_base",
            request_id=request_id,
        )


def _modes(item: StripeObject) -> Iterator[object]:
    """Find the mode of an object, and of those it holds."""
    for name, value in item:
        if name == "livemode":
            yield value
        elif isinstance(value, StripeObject):
            yield from _modes(value)
        elif isinstance(value, tuple):
            for each in cast("tuple[object, ...]", value):
                if isinstance(each, StripeObject):
                    yield from _modes(each)


def _first(invalid: ValidationError) -> str:
    """Tell the first thing wrong, without a value or a name of the answer's own: it may hold anything."""
    error = invalid.errors(include_input=False, include_url=False, include_context=False)[0]
    steps = [str(step) for step in error["loc"]]
    if "metadata" in steps:  # what stands below it was named by whoever wrote it
        del steps[steps.index("metadata") + 1 :]
    place = ".".join(steps) or "the whole of it"
    return f"{place}: {error['msg']}"
