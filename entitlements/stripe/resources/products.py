"""Products: what customers buy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from entitlements.stripe.objects import Product
from entitlements.stripe.resources.base import Resource, segment
from entitlements.stripe.resources.values import flag

if TYPE_CHECKING:
    from entitlements.clocks import Deadline
    from entitlements.stripe.pages import Listing

__all__ = ["Products", "product_path"]

_PATH: Final = "/v1/products"


class Products(Resource):
    """Read the account's products. Arguments and errors are as for `Features`."""

    __slots__ = ()

    def list(self, *, active: bool | None = None, deadline: Deadline | None = None) -> Listing[Product]:
        """List products, newest first, whole: archived ones too, unless `active` is given."""
        return self._whole(Product, _PATH, {"active": flag(active, "active")}, deadline)

    def retrieve(self, product: str, *, deadline: Deadline | None = None) -> Product:
        """Read one product by its id."""
        return self._get(Product, product_path(product), deadline)


def product_path(product: object) -> str:
    """Name a product's place in the API."""
    return f"{_PATH}/{segment(product, what='product id', example='prod_123')}"
