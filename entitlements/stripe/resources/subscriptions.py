"""Subscriptions: what customers pay for."""

from __future__ import annotations

from types import EllipsisType
from typing import TYPE_CHECKING, Final

from entitlements.stripe.ids import customer_id, object_id
from entitlements.stripe.objects import Subscription, SubscriptionItem
from entitlements.stripe.pages import Listing
from entitlements.stripe.resources.base import Resource

if TYPE_CHECKING:
    from entitlements.clocks import Deadline

__all__ = ["Subscriptions"]

_PATH: Final = "/v1/subscriptions"
_ITEMS: Final = "/v1/subscription_items"


class Subscriptions(Resource):
    """Read subscriptions. Arguments and errors are as for `Features`."""

    __slots__ = ()

    def list(
        self, *, customer: str | EllipsisType = ..., status: str | None = None, deadline: Deadline | None = None
    ) -> Listing[Subscription]:
        """List subscriptions with all their items, whole.

        Leave `customer` out for everybody's; `None` is refused, so that a customer who isn't known never turns into
        all of them. Stripe leaves canceled ones out unless `status` asks for them (`canceled`, `ended`, `all`).
        """
        params = {
            "customer": None if isinstance(customer, EllipsisType) else customer_id(customer),
            "status": None if status is None else object_id(status, what="status", example="active"),
        }
        due = self._due(deadline)
        found = self._whole(Subscription, _PATH, params, due)
        return Listing((self._with_all_items(each, due) for each in found), found.request_id)

    def _with_all_items(self, subscription: Subscription, deadline: Deadline) -> Subscription:
        if not subscription.items.has_more:
            return subscription
        self.http.charge()
        items = self._whole(SubscriptionItem, _ITEMS, {"subscription": subscription.id}, deadline)
        whole = subscription.items.model_copy(update={"data": tuple(items), "has_more": False})
        return subscription.model_copy(update={"items": whole})
