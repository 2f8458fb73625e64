"""An event, as listed or delivered: its envelope, and its object as it came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from pydantic import NonNegativeInt

from entitlements.stripe.objects.base import Id, StripeObject

__all__ = ["Event", "EventData"]


Payload: TypeAlias = Mapping[str, object]


class EventData(StripeObject):
    """What an event is about; a hint that something changed, never evidence of what is."""

    object: Payload


class Event(StripeObject):
    """`event`, the snapshot kind. `account` is set on what happened in a connected account."""

    id: Id
    object: Literal["event"]
    account: str | None = None
    created: NonNegativeInt
    data: EventData
    livemode: bool
    type: Id
