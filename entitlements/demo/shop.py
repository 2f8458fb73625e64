"""The shop: what is sold, and how it is bought. Plain form POSTs to Stripe's API, as any shop would make them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import requests

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

__all__ = ["CATALOG", "Shop", "Subscription"]

CATALOG: Final[Mapping[str, object]] = {
    "features": {"search": "Search", "exports": "Data exports", "sso": "Single sign-on"},
    "products": {
        "free": {"name": "Free", "features": ["search"], "price": 0},
        "pro": {"name": "Pro", "features": ["search", "exports"], "price": 2900},
        "business": {"name": "Business", "features": ["search", "exports", "sso"], "price": 9900},
    },
}
_PATIENCE: Final = 5.0


@dataclass(frozen=True, slots=True)
class Subscription:
    """What was bought: Stripe's id of it, and whether it is `active`."""

    id: str
    status: str


class Shop:
    """Sell subscriptions at a Stripe."""

    def __init__(self, api_base: str, api_key: str) -> None:
        self._api_base = api_base
        self._session = requests.Session()
        self._session.auth = (api_key, "")
        self._session.trust_env = False  # loopback is reached without a proxy

    def welcome(self, name: str, plan: str) -> str:
        """Create a customer who is on a plan; return the id."""
        customer = self._call("POST", "/v1/customers", name=name)["id"]
        self.sell(customer, plan)
        return customer

    def sell(self, customer: str, plan: str) -> Subscription:
        """Subscribe a customer to a plan."""
        fields = {"customer": customer, "items[0][price]": f"price_{plan}"}
        made = self._call("POST", "/v1/subscriptions", **fields)
        return Subscription(made["id"], made["status"])

    def cancel(self, subscription: Subscription) -> Subscription:
        """Cancel a subscription at once."""
        gone = self._call("DELETE", f"/v1/subscriptions/{subscription.id}")
        return Subscription(gone["id"], gone["status"])

    def ping(self) -> None:
        """Ask for next to nothing, to see whether Stripe is there."""
        self._call("GET", "/v1/products")

    def _call(self, method: str, path: str, **fields: str) -> dict[str, str]:
        response = self._session.request(method, f"{self._api_base}{path}", data=fields, timeout=_PATIENCE)
        response.raise_for_status()
        return cast("dict[str, str]", response.json())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()
