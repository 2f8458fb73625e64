"""Active entitlements: what a customer holds now, by Stripe's own account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entitlements.stripe.ids import customer_id
from entitlements.stripe.objects import ActiveEntitlement
from entitlements.stripe.resources.base import Resource

if TYPE_CHECKING:
    from entitlements.clocks import Deadline
    from entitlements.stripe.pages import Listing

__all__ = ["ActiveEntitlements"]

_PATH: Final = "/v1/entitlements/active_entitlements"


class ActiveEntitlements(Resource):
    """Read what customers hold. Arguments and errors are as for `Features`."""

    __slots__ = ()

    def list(self, customer: str, *, deadline: Deadline | None = None) -> Listing[ActiveEntitlement]:
        """List what one customer holds, whole. Someone who holds nothing gives an empty list, not an error."""
        return self._whole(ActiveEntitlement, _PATH, {"customer": customer_id(customer)}, deadline)
