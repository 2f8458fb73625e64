"""A request's view whose customer is found at the first question, for frameworks that know late who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.core import identify
from entitlements.customer import RequestView
from entitlements.errors import NotConfigured

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.core import Core

__all__ = ["LazyView"]


class LazyView(RequestView):
    """A `RequestView` that asks nobody who the customer is before something depends on it.

    `find` returns what a `customer=` does: Stripe's id, an object with a `.stripe_customer_id`, or `None`.
    """

    def __init__(self, core: Core, find: Callable[[], object]) -> None:
        super().__init__(core, None)
        self._find = find
        # What isn't there is looked for by `__getattr__`; once it is found, reading it costs what it always did.
        del self.stripe_customer_id, self.anonymous

    def __getattr__(self, name: str) -> object:
        if name not in {"stripe_customer_id", "anonymous"}:
            raise AttributeError(f"{type(self).__name__} has no {name}", name=name, obj=self)
        self._find_out()
        return self.__dict__[name]

    def _find_out(self) -> None:
        try:
            who = self._find()
        except AttributeError as error:
            # Templates read an AttributeError as "there is no such thing", and would go on as if nothing were wrong.
            raise NotConfigured(f"customer= failed to find out who asks: {error}") from error
        self.stripe_customer_id = None if who is None else identify(who)
        self.anonymous = who is None

    def __repr__(self) -> str:
        known = self.__dict__.get("stripe_customer_id", "not asked yet")
        return f"{type(self).__name__}({known!r})"
