"""Product features: which product grants which feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.stripe.ids import object_id
from entitlements.stripe.objects import DetachedProductFeature, ProductFeature
from entitlements.stripe.resources.base import Resource, segment
from entitlements.stripe.resources.products import product_path

if TYPE_CHECKING:
    from entitlements.clocks import Deadline
    from entitlements.stripe.pages import Listing

__all__ = ["ProductFeatures"]


class ProductFeatures(Resource):
    """Read and change what products grant. Arguments and errors are as for `Features`.

    A change reaches those who have the product already when their next billing period begins, says Stripe.
    """

    __slots__ = ()

    def list(self, product: str, *, deadline: Deadline | None = None) -> Listing[ProductFeature]:
        """List what a product grants, whole; each entry holds its feature."""
        return self._whole(ProductFeature, f"{product_path(product)}/features", {}, deadline)

    def attach(
        self, product: str, feature: str, *, idempotency_key: str | None = None, deadline: Deadline | None = None
    ) -> ProductFeature:
        """Have a product grant a feature, named by its id."""
        params = {"entitlement_feature": object_id(feature, what="feature id", example="feat_123")}
        return self._post(ProductFeature, f"{product_path(product)}/features", params, deadline, idempotency_key)

    def detach(self, product: str, product_feature: str, *, deadline: Deadline | None = None) -> None:
        """Have a product no longer grant a feature; `product_feature` is the id of the link, `prodft_...`."""
        link = segment(product_feature, what="product feature id", example="prodft_123")
        self._delete(DetachedProductFeature, f"{product_path(product)}/features/{link}", deadline)
