"""System checks: what a project says, its middleware and, when it is deployed, its gates and their lookup keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's names for them
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIHandler

from entitlements.audit import audit
from entitlements.errors import EntitlementsError
from entitlements.resolver import core_of
from entitlements.web.django.conf import get_entitlements, how_customers_are_found, look_over, why_no_instance
from entitlements.web.django.customers import SignedIn

if TYPE_CHECKING:
    from entitlements.audit import Audit
    from entitlements.catalog import Contents

__all__ = ["audited", "check_catalogue", "check_project"]

_OURS: Final = (
    "entitlements.web.django.EntitlementsMiddleware",
    "entitlements.web.django.middleware.EntitlementsMiddleware",
)
_AUTHENTICATION: Final = "django.contrib.auth.middleware.AuthenticationMiddleware"


def check_project(**_: Any) -> list[CheckMessage]:  # noqa: ANN401 - what Django passes to a check
    """Check what can be checked without asking anybody: every `manage.py` does, and every reload of a server.

    A key that is missing is a warning only, since an image is built without one.
    """
    return [*_about_settings(), *_about_middleware(), *_about_users()]


def check_catalogue(**_: Any) -> list[CheckMessage]:  # noqa: ANN401 - see `check_project`
    """Check the gates of every route, and hold their lookup keys against the catalogue, which is read for that.

    This is `manage.py check --deploy` alone: it takes a key, and a Stripe that answers.
    """
    try:
        found = audited(core_of(get_entitlements()).catalog.read())
    except (ImproperlyConfigured, EntitlementsError) as error:
        hint = "Run it where a Stripe key is at hand."
        return [
            Warning(
                f"The catalogue can't be read, so lookup keys aren't checked: {error}", hint, id="entitlements.W010"
            )
        ]
    return [
        Error(f"{mistake.route}: {mistake.message}.", hint="Mend the gate.", id="entitlements.E010")
        for mistake in found.mistakes
    ]


def audited(contents: Contents | None) -> Audit:
    """Audit the project's routes; a handler that is not set up will do, since only its class is looked at."""
    return audit(WSGIHandler.__new__(WSGIHandler), contents)


def _about_settings() -> list[CheckMessage]:
    try:
        look_over()
        lacking = why_no_instance()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="Mend settings.ENTITLEMENTS.", id="entitlements.E001")]
    if lacking is None:
        return []
    return [Warning(lacking, hint="Without that the server will not start.", id="entitlements.W004")]


def _about_middleware() -> list[CheckMessage]:
    order = list(settings.MIDDLEWARE)
    places = [order.index(name) for name in _OURS if name in order]
    if not places:
        return [
            Warning(
                "EntitlementsMiddleware is not in MIDDLEWARE, so requests have no entitlements and gates fail.",
                hint=f'Add "{_OURS[0]}", after AuthenticationMiddleware.',
                id="entitlements.W001",
            )
        ]
    if _finds_users() and _AUTHENTICATION in order and order.index(_AUTHENTICATION) > places[0]:
        return [
            Warning(
                "EntitlementsMiddleware stands before AuthenticationMiddleware: what is asked between the two has no "
                "user, and fails.",
                hint="Put EntitlementsMiddleware after it.",
                id="entitlements.W002",
            )
        ]
    return []


def _about_users() -> list[CheckMessage]:
    if not _finds_users():
        return []
    try:
        model = get_user_model()
    except ImproperlyConfigured:  # Django says so itself
        return []
    if hasattr(model, "stripe_customer_id"):
        return []
    return [
        Warning(
            f"{model.__name__} has no stripe_customer_id, so no customer is found, and gates fail.",
            hint='Give it one, or say ENTITLEMENTS["CUSTOMER"].',
            id="entitlements.W003",
        )
    ]


def _finds_users() -> bool:
    try:
        return isinstance(how_customers_are_found(), SignedIn)
    except ImproperlyConfigured:  # which is said already
        return False
