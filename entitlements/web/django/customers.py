"""Who asks: how the customer behind a Django request is found, now or awaited."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Final, Protocol, cast

from asgiref.sync import async_to_sync, sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.utils.functional import LazyObject, empty

from entitlements.core import on_a_loop
from entitlements.errors import NotConfigured
from entitlements.stripe.ids import shown
from entitlements.web.django.awaits import awaits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest

__all__ = ["Callback", "Customers", "SignedIn"]

_ABSENT: Final = object()


class Customers(Protocol):
    """Find the customer behind a request: an id, an object with a `.stripe_customer_id`, or `None` for nobody."""

    def find(self, request: HttpRequest) -> object:
        """Find it on this thread."""
        ...

    async def afind(self, request: HttpRequest) -> object:
        """Find it without keeping an event loop waiting."""
        ...


class SignedIn:
    """The default: whoever is signed in, by the user's own `stripe_customer_id`.

    A user who has none yet, `None` or "", has never bought. A user model that has no such attribute is a mistake of the
    project's, and nobody is admitted on account of it.
    """

    def find(self, request: HttpRequest) -> object:
        """Take Django's `request.user`."""
        return _customer_of(_user(request))

    async def afind(self, request: HttpRequest) -> object:
        """Take the user that is at hand, or await Django's `request.auser()`."""
        user = _user(request)
        if _is_loaded(user):
            return _customer_of(user)
        auser = getattr(request, "auser", None)
        return _customer_of(await (auser() if auser is not None else sync_to_async(_loaded)(user)))


class Callback:
    """A function of the project's: called with the request, and awaited if it is async."""

    def __init__(self, callback: Callable[[HttpRequest], object]) -> None:
        self._callback = callback
        self._is_async = awaits(callback)

    def find(self, request: HttpRequest) -> object:
        """Call it on this thread; an async one runs on a loop of its own, or on that of the request."""
        who = self._callback(request)
        if not inspect.isawaitable(who):
            return _signed_in(who)
        if on_a_loop():
            if inspect.iscoroutine(who):
                who.close()
            raise _not_here()
        return _signed_in(async_to_sync(_awaited)(who))

    async def afind(self, request: HttpRequest) -> object:
        """Await an async one; call another in Django's thread for what may wait, as a query does."""
        if self._is_async:
            return _signed_in(await cast("Awaitable[object]", self._callback(request)))
        who = await sync_to_async(self._callback)(request)
        return _signed_in(await who if inspect.isawaitable(who) else who)


def _not_here() -> SynchronousOnlyOperation:
    return SynchronousOnlyOperation(
        "CUSTOMER is async, and this question was asked on the event loop's thread without await: "
        "await request.entitlements.apinned() before it"
    )


async def _awaited(who: Awaitable[object]) -> object:
    return await who


def _signed_in(who: object) -> object:
    """Take Django's AnonymousUser for nobody, whoever returns it."""
    return None if getattr(who, "is_anonymous", False) is True else who


def _user(request: HttpRequest) -> object:
    user = getattr(request, "user", None)
    if user is None:
        raise NotConfigured(
            "the request has no user, so nothing says whose features are asked for: put Django's "
            'AuthenticationMiddleware before EntitlementsMiddleware, or say ENTITLEMENTS["CUSTOMER"]'
        )
    return cast("object", user)


def _is_loaded(user: object) -> bool:
    return not isinstance(user, LazyObject) or cast("object", user.__dict__.get("_wrapped", empty)) is not empty


def _loaded(user: object) -> object:
    getattr(user, "is_authenticated", None)  # whatever is asked of it, it is loaded by that
    return user


def _customer_of(user: object) -> object:
    if getattr(user, "is_authenticated", False) is not True:
        return None
    if getattr(user, "stripe_customer_id", _ABSENT) is _ABSENT:
        raise NotConfigured(
            f"the user {shown(user.__class__.__name__)} has no stripe_customer_id: give the user model one, or say "
            'how the customer is found, as in ENTITLEMENTS = {"CUSTOMER": "shop.billing.customer_of"}'
        )
    return user
