"""The client of Stripe's API: as much of it as entitlements rest on, typed and whole."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, NoReturn, Self, cast

from entitlements.errors import InvalidSettings
from entitlements.forks import first_load
from entitlements.stripe.address import STRIPE
from entitlements.stripe.http import VERSION, Chargeable, Http
from entitlements.stripe.ids import shown
from entitlements.stripe.secret import Secret

if TYPE_CHECKING:
    from entitlements.stripe.resources.active_entitlements import ActiveEntitlements
    from entitlements.stripe.resources.base import Resource
    from entitlements.stripe.resources.events import Events
    from entitlements.stripe.resources.features import Features
    from entitlements.stripe.resources.product_features import ProductFeatures
    from entitlements.stripe.resources.products import Products
    from entitlements.stripe.resources.subscriptions import Subscriptions

_AN_HOUR: Final = 3_600.0

__all__ = ["Stripe"]


class Stripe:
    """Read and change what entitlements rest on: features, products, what customers hold and pay for, what happened.

    Lists come back whole, as tuples: every page is read (Stripe: `limit` 1..100, this asks for 100) or an error says
    why not; events alone, whose list never ends, come by the page. Each call ends by its deadline, whatever the network
    does. Safe to share between threads and across forks.

    Args:
        api_key: a secret or restricted key. It is never printed, logged or pickled.
        api_base: where Stripe is; plain http only for this very machine.
        stripe_account: the connected account to act for (`Stripe-Account`).
        timeout: seconds one call may take in all, pages and retries included, unless it is given a `deadline`.
        max_retries: how often a request is repeated after no answer, 409, 429 or 5xx, within an overall budget of one
            retry in ten requests.
        budget: told by `charge()` of each request beyond the first of a call.
        ca_bundle: a file of certificates to trust instead of those that come with `requests`.
        stripe_version: the API version asked for.

    Raises:
        InvalidSettings: for a key, an address or a number that can't be right; nothing has been sent.

    >>> stripe = Stripe("sk_test_51Habc", api_base="http://127.0.0.1:12111")
    >>> stripe
    Stripe('http://127.0.0.1:12111', Secret('sk_test_…'))
    >>> stripe.livemode
    False
    >>> stripe.active_entitlements.list(None)
    Traceback (most recent call last):
    ...
    entitlements.errors.InvalidInput: customer id None is not a string; pass Stripe's id, such as 'cus_123'
    >>> stripe.close()
    """

    def __init__(  # noqa: PLR0913 - each is a setting
        self,
        api_key: str | Secret,
        *,
        api_base: str = STRIPE,
        stripe_account: str | None = None,
        timeout: float = 10.0,
        max_retries: int = 2,
        budget: Chargeable | None = None,
        ca_bundle: str | None = None,
        stripe_version: str = VERSION,
    ) -> None:
        # The names too: a traceback may show this frame's locals.
        wrapped, api_key = Secret.wrapped(api_key), ""
        base, api_base = Secret.wrapped(api_base), ""
        self._timeout = _positive(timeout)
        self._http = Http(
            cast("Secret", wrapped),
            api_base=cast("str", base),
            stripe_account=stripe_account,
            stripe_version=stripe_version,
            max_retries=max_retries,
            budget=budget,
            ca_bundle=ca_bundle,
        )
        self._resources: dict[str, Resource] = {}

    @property
    def features(self) -> Features:
        """What products can grant."""
        return cast("Features", self._resource("features", "Features"))

    @property
    def products(self) -> Products:
        """What customers buy."""
        return cast("Products", self._resource("products", "Products"))

    @property
    def product_features(self) -> ProductFeatures:
        """Which product grants which feature."""
        return cast("ProductFeatures", self._resource("product_features", "ProductFeatures"))

    @property
    def active_entitlements(self) -> ActiveEntitlements:
        """What customers hold now."""
        return cast("ActiveEntitlements", self._resource("active_entitlements", "ActiveEntitlements"))

    @property
    def subscriptions(self) -> Subscriptions:
        """What customers pay for."""
        return cast("Subscriptions", self._resource("subscriptions", "Subscriptions"))

    @property
    def events(self) -> Events:
        """What happened in the last thirty days."""
        return cast("Events", self._resource("events", "Events"))

    @property
    def livemode(self) -> bool | None:
        """Tell the mode by the key: True for a live one, False for a test one, None when its prefix doesn't say.

        An answer about the other mode is refused with `MalformedReply`.
        """
        return self._http.livemode

    def close(self) -> None:
        """Close the idle connections. Calls made later are refused; those under way finish."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def preload(self) -> None:
        """Load what the first request would load: some half a second's worth, best spent before anybody waits."""
        with first_load:
            self._http.preload()
            for name in ("features", "products", "product_features", "active_entitlements", "subscriptions", "events"):
                getattr(self, name)

    def _resource(self, module: str, name: str) -> Resource:
        """Load a resource when it is first asked for: `pydantic` comes with it."""
        resource = self._resources.get(module)
        if resource is None:
            with first_load:
                kind = getattr(import_module(f"entitlements.stripe.resources.{module}"), name)
                resource = self._resources[module] = kind(self._http, self._timeout)
        return cast("Resource", resource)

    def __repr__(self) -> str:
        return f"Stripe{repr(vars(self).get('_http', '')).removeprefix('Http')}"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Stripe client can't be pickled: it holds a key; make one where it is needed")


def _positive(timeout: object) -> float:
    if isinstance(timeout, int | float) and not isinstance(timeout, bool) and 0 < timeout <= _AN_HOUR:
        return float(timeout)
    raise InvalidSettings(
        f"timeout {shown(timeout)} is no number of seconds above 0, an hour at most; pass one such as 10.0"
    )
