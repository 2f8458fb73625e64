"""A shop: what a client would do in one account, from Python, without HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar, cast

from entitlements.emulator import rotation
from entitlements.emulator.resources import loading, scheduled_query_runs, subscriptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from entitlements.emulator.store import Json
    from entitlements.emulator.wire.desk import Desk
    from entitlements.emulator.wire.routes import Call

__all__ = ["Shop"]

_T = TypeVar("_T")


class Shop:
    """Buy and sell in one account of the emulator, by the very code that serves HTTP.

    `StripeEmulator` is the shop of its own account; `within` gives that of a connected one.

    Attributes:
        scope: the account everything is done in.
    """

    def __init__(self, desk: Callable[[], Desk], scope: str) -> None:
        self.scope = scope
        self._desk = desk

    def _work(self, job: Callable[[Call], _T]) -> _T:
        return self._desk().work(job, account=self.scope)

    def request(self, method: str, path: str, **params: object) -> Json:
        """Make an API call by the very code that serves HTTP; refusals are raised as `ApiError`.

        >>> from entitlements.emulator import StripeEmulator
        >>> with StripeEmulator() as stripe:
        ...     stripe.request("POST", "/v1/products", id="prod_pro", name="Pro")["name"]
        'Pro'
        """
        return self._desk().perform(method, path, params, account=self.scope)

    def customer(self, customer: str | None = None, **fields: object) -> str:
        """Create a customer, under an id of one's choice if given; return the id."""
        made = self._desk().perform("POST", "/v1/customers", fields, named=customer, account=self.scope)
        return str(made["id"])

    def feature(self, lookup_key: str, name: str | None = None) -> str:
        """Create a feature; return its id."""
        return str(
            self.request("POST", "/v1/entitlements/features", lookup_key=lookup_key, name=name or lookup_key)["id"]
        )

    def attach(self, product: str, lookup_key: str) -> str:
        """Attach a feature, named by its lookup key, to a product; return the product feature's id."""
        found = self.request("GET", "/v1/entitlements/features", lookup_key=lookup_key)["data"]
        if not found:
            raise LookupError(
                f"no active feature has the lookup key {lookup_key!r}; create it with feature({lookup_key!r})"
            )
        path = f"/v1/products/{self._product(product)}/features"
        return str(self.request("POST", path, entitlement_feature=found[0]["id"])["id"])

    def subscribe(self, customer: str, *prices_or_products: str, **fields: object) -> str:
        """Subscribe a customer to prices, or to products by their first recurring price; return the subscription's id.

        A product may be named as the catalogue does: `pro` for `prod_pro`. Other fields go into the request.

        Raises:
            LookupError: a name is neither a price nor a product with a recurring price.
            ApiError: Stripe would refuse the request.

        >>> from entitlements.emulator import StripeEmulator
        >>> with StripeEmulator(catalog={"products": {"pro": {"price": 2900}}}) as stripe:
        ...     alice = stripe.customer()
        ...     trial = stripe.subscribe(alice, "pro", trial_period_days=7)
        ...     stripe.request("GET", f"/v1/subscriptions/{trial}")["status"]
        'trialing'
        """
        items = [{"price": self._price(name)} for name in prices_or_products]
        return str(self.request("POST", "/v1/subscriptions", customer=customer, items=items, **fields)["id"])

    def cancel(self, subscription: str) -> None:
        """Cancel a subscription now."""
        self.request("DELETE", f"/v1/subscriptions/{subscription}")

    def set_status(self, subscription: str, status: str) -> None:
        """Put a subscription into a status that payments would lead to, such as `past_due`.

        Raises:
            ApiError: the status doesn't exist, or the subscription has ended.
        """
        self._work(lambda call: subscriptions.set_status(call, subscription, status))

    def entitlements(self, customer: str) -> tuple[str, ...]:
        """List a customer's lookup keys, oldest first: what is true, for a test to compare with."""
        held = self._work(lambda call: call.tx.all("active_entitlement", parent=customer))
        return tuple(entitlement["lookup_key"] for entitlement in held)

    def _price(self, name: str) -> str:
        if self._get("price", name) is not None:
            return name
        product = self._product(name)
        for price in self._work(lambda call: call.tx.all("price", parent=product)):
            if price["recurring"] and price["active"]:
                return str(price["id"])
        raise LookupError(f"{name!r} is neither a price nor a product with a recurring price")

    def _product(self, name: str) -> str:
        return name if self._get("product", name) is not None else f"prod_{name}"

    def _get(self, kind: str, object_id: str) -> Json | None:
        return self._work(lambda call: call.tx.get(kind, object_id))

    def webhook(self, url: str, events: Sequence[str] = ("*",), *, connect: bool = False) -> str:
        """Send events to a URL; return the signing secret. The same URL and events again give the same secret.

        With `connect` it hears of the connected accounts' events, and not of this account's own.

        Raises:
            ApiError: the URL is neither https nor http on this machine, or an event type doesn't exist.

        >>> from entitlements.emulator import StripeEmulator
        >>> with StripeEmulator() as stripe:
        ...     stripe.webhook("https://example.com/hook", ["customer.created"]).startswith("whsec_")
        True
        """
        for endpoint in self._work(lambda call: call.tx.all("webhook_endpoint")):
            if (endpoint["url"], endpoint["enabled_events"], endpoint["connect"]) == (url, list(events), connect):
                return str(endpoint["secret"])
        fields = {"url": url, "enabled_events": list(events), "connect": connect}
        return str(self.request("POST", "/v1/webhook_endpoints", **fields)["secret"])

    def roll_secret(self, endpoint: str, *, overlap: int = rotation.DAY) -> str:
        """Give a webhook endpoint a new secret and return it; the old one signs too, for `overlap` seconds.

        The endpoint may be named by its id, its URL or its secret.

        Raises:
            LookupError: there is no such endpoint.

        >>> from entitlements.emulator import StripeEmulator
        >>> with StripeEmulator() as stripe:
        ...     old = stripe.webhook("https://example.com/hook")
        ...     old != stripe.roll_secret(old)
        True
        """
        return self._work(lambda call: rotation.roll(call, endpoint, overlap))

    # What only Stripe itself makes

    def scheduled_query_run(  # noqa: PLR0913 - what a run has
        self,
        *,
        title: str,
        sql: str,
        csv: str | bytes | None = None,
        status: str = "completed",
        error: str | None = None,
        available_for: int = scheduled_query_runs.AVAILABLE,
    ) -> str:
        r"""Let a scheduled query run: the run, its file and its event are made together; return the run's id.

        Args:
            title: the query's name.
            sql: the query; nothing evaluates it.
            csv: the result; needed if it completed, and only then.
            status: `completed`, `canceled`, `failed` or `timed_out`.
            error: why it didn't complete; there is a text for each status.
            available_for: how many seconds the file can be fetched.

        Raises:
            ValueError: there is no such status, or `csv` doesn't go with it.

        >>> from entitlements.emulator import StripeEmulator
        >>> with StripeEmulator() as stripe:
        ...     run = stripe.scheduled_query_run(title="Plans", sql="select 1", csv="customer,plan\ncus_1,pro\n")
        ...     stripe.request("GET", f"/v1/sigma/scheduled_query_runs/{run}")["file"]["filename"][:6]
        'Plans_'
        """
        result = csv.encode() if isinstance(csv, str) else csv
        outcome = scheduled_query_runs.Outcome(title, sql, result, status, error, available_for)
        return str(self._work(lambda call: scheduled_query_runs.add(call, outcome))["id"])

    def load(self, objects: Mapping[str, object] | Iterable[Mapping[str, object]]) -> None:
        """Take in objects as Stripe's API gave them, single or in lists, to reproduce what somebody saw.

        An object that is there already is replaced. No event is sent. What belongs to something else comes after it:
        a price after its product.

        Raises:
            ValueError: an object's type isn't one the emulator keeps, or it belongs to something that isn't there.

        >>> from entitlements.emulator import StripeEmulator
        >>> with StripeEmulator() as stripe:
        ...     stripe.load({"object": "customer", "id": "cus_1", "email": "a@example.com"})
        ...     stripe.request("GET", "/v1/customers/cus_1")["email"]
        'a@example.com'
        """
        given = [cast("Mapping[str, object]", objects)] if isinstance(objects, Mapping) else objects
        self._work(lambda call: loading.load(call, given))
