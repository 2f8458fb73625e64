"""Webhooks as hints: an authentic event says whose fence to raise, and nothing it carries is used as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from entitlements.errors import SignatureError
from entitlements.stripe.event import parse
from entitlements.stripe.ids import shown
from entitlements.stripe.signature import verify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from entitlements.stripe.secret import Secret

__all__ = ["Notice", "WebhookResult", "read_event"]


@dataclass(frozen=True, slots=True)
class WebhookResult:
    """What a webhook changed.

    Attributes:
        event_id: `evt_...`.
        type: such as `entitlements.active_entitlement_summary.updated`.
        customer: whose fence was raised; `None` if the event is about no customer's access.
        token: pass it as `after=` for an answer that rests on a fetch begun after the event arrived.
    """

    event_id: str
    type: str
    customer: str | None
    token: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What is read from an event: whom it concerns, in which account and mode. Its data stays unread."""

    id: str
    type: str
    livemode: bool
    account: str | None
    customer: str | None

    @property
    def concerns_catalog(self) -> bool:
        """Say whether products changed. Stripe has no events for features and what they are attached to."""
        return self.type.startswith(("product.", "price."))


def read_event(payload: bytes, signature: str, secrets: Sequence[Secret], *, now: float) -> Notice:
    """Verify an event on its raw bytes and read whom it concerns.

    Raises:
        SignatureError: it can't be trusted or read; nothing else is raised for bad input.
    """
    verify(payload, signature, secrets, now=now)
    event = parse(payload)
    kind = _text(event, "type")
    livemode = event.get("livemode")
    if not isinstance(livemode, bool):
        raise SignatureError("the event says no livemode: is this one of Stripe's events?")
    account = event.get("account")
    return Notice(
        id=_text(event, "id"),
        type=kind,
        livemode=livemode,
        account=account if isinstance(account, str) else None,
        customer=_customer(kind, event),
    )


def _text(event: Mapping[str, object], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise SignatureError(f"the event has no {name}: is this one of Stripe's events?")
    return value


def _customer(kind: str, event: Mapping[str, object]) -> str | None:
    """Find the customer whose access an event may have changed."""
    if kind in _CUSTOMER_ITSELF:
        return _id(_object(event).get("id"), kind)
    if kind in _ABOUT_ACCESS or kind.startswith("customer.subscription."):
        concerned = _object(event)
        if concerned.get("customer") is None and isinstance(concerned.get("customer_account"), str):
            return None  # billed to an account rather than a customer: nobody we could have been asked about
        return _id(concerned.get("customer"), kind)
    return None


_ABOUT_ACCESS = frozenset({"entitlements.active_entitlement_summary.updated"})
_CUSTOMER_ITSELF = frozenset({"customer.created", "customer.deleted"})


def _object(event: Mapping[str, object]) -> Mapping[str, object]:
    data = event.get("data")
    concerned = cast("Mapping[str, object]", data).get("object") if isinstance(data, dict) else None
    if not isinstance(concerned, dict):
        raise SignatureError("the event has no data.object: is this one of Stripe's events?")
    return cast("Mapping[str, object]", concerned)


def _id(value: object, kind: str) -> str:
    if isinstance(value, dict):  # expanded, as some API versions send it
        value = cast("Mapping[str, object]", value).get("id")
    if not isinstance(value, str) or not value or len(value) > 255:  # noqa: PLR2004 - Stripe's ids are at most 255 long
        raise SignatureError(f"the event {shown(kind)} names no customer: is this one of Stripe's events?")
    return value
