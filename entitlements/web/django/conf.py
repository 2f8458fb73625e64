"""What a project says in `settings.ENTITLEMENTS`: read once, checked, and read again when a test changes it."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from entitlements.errors import InvalidSettings
from entitlements.freshness import Freshness
from entitlements.resolver import Entitlements
from entitlements.settings import Limits, Settings
from entitlements.stripe.ids import shown
from entitlements.stripe.secret import Secret
from entitlements.terms import Terms
from entitlements.web.django.customers import Callback, SignedIn
from entitlements.web.site import checked_instance

if TYPE_CHECKING:
    from collections.abc import Callable

    from entitlements.web.django.customers import Customers

__all__ = ["Project", "get_entitlements", "how_customers_are_found", "look_over", "project", "why_no_instance"]

_OF_INSTANCE: Final = tuple(name.upper() for name in inspect.signature(Entitlements).parameters)
_OF_PROJECT: Final = ("INSTANCE", "CUSTOMER", "UPGRADE_URL", "STATUS", "HIDE", "HANDLER", "PRELOAD")
_READ: Final = set(inspect.signature(Settings.read).parameters) - {"environ", "needs_key"}
_SECRETS: Final = {"API_KEY", "WEBHOOK_SECRETS"}
_CALLABLES: Final = {"OBSERVER", "CLOCK"}
_VALUES: Final = {"FRESHNESS": Freshness, "LIMITS": Limits}


@dataclass(frozen=True, slots=True)
class Project:
    """What one project said, checked.

    Attributes:
        entitlements: the instance to ask.
        customers: how it is found who asks.
        terms: how a no is shown where its gate doesn't say.
        handler: finds an answer of the project's own to a refusal, or none.
        preload: whether an async request is pinned before its view runs.
        own: whether the instance was made here, and so is closed here.
    """

    entitlements: Entitlements
    customers: Customers
    terms: Terms
    handler: Callable[..., object] | None
    preload: bool
    own: bool


_project: Project | None = None
_lock: Final = threading.Lock()


def project() -> Project:
    """Give what the project said; its instance is made at the first call.

    Raises:
        ImproperlyConfigured: something of that can't be right.
    """
    global _project  # noqa: PLW0603 - a project has one, as it has one settings module
    found = _project
    if found is None:
        with _lock:
            found = _project = _project or _read(_Said())
    return found


def get_entitlements() -> Entitlements:
    """Give the project's instance, as code outside of a request needs it: after a checkout, in a task, in a shell.

    Raises:
        ImproperlyConfigured: something that the settings say can't be right.

    >>> from entitlements.web.django import get_entitlements
    >>> def thank_you(request):  # the page that Stripe's checkout returns to
    ...     get_entitlements().refresh(request.user)
    """
    return project().entitlements


def how_customers_are_found() -> Customers:
    """Say how it is found who asks.

    Raises:
        ImproperlyConfigured: what the project said of that can't be right.
    """
    return _Said().customers()


def look_over() -> None:
    """Check what the project said, without making an instance of it.

    Raises:
        ImproperlyConfigured: something can't be right.
    """
    said = _Said()
    said.customers()
    said.terms()
    said.handler()
    said.preload()
    if not said.names_instance():
        said.arguments()


def why_no_instance() -> str | None:
    """Say why no instance could be made of what the project said, as for want of a key; `None` if nothing is known.

    Raises:
        ImproperlyConfigured: something can't be right.
    """
    said = _Said()
    return None if said.names_instance() else said.lacks()


def _forget(*, setting: str, **_: object) -> None:
    """Begin anew: a test overrides the settings, or takes that back."""
    global _project
    if setting != "ENTITLEMENTS":
        return
    with _lock:
        gone, _project = _project, None
    if gone is not None and gone.own:
        gone.entitlements.close()


setting_changed.connect(_forget, dispatch_uid="entitlements.web.django.conf")


def _read(said: _Said) -> Project:
    own = not said.names_instance()
    customers, terms, handler, preload = said.customers(), said.terms(), said.handler(), said.preload()
    return Project(said.made() if own else said.named(), customers, terms, handler, preload, own)


class _Said:
    """The settings as they are written; what shows the locals of a frame sees the names alone.

    Raises:
        ImproperlyConfigured: by each of its methods, when what was said can't be right.
    """

    def __init__(self) -> None:
        held: object = getattr(settings, "ENTITLEMENTS", {})
        if not isinstance(held, Mapping):
            raise ImproperlyConfigured(
                f'settings.ENTITLEMENTS is {shown(held)}: give a dict, as in {{"UPGRADE_URL": "/pricing"}}'
            )
        self._held = cast("Mapping[str, Any]", held)
        for name in self._held:
            _known(name)

    def __repr__(self) -> str:
        return f"<settings.ENTITLEMENTS: {', '.join(map(str, self._held))}>"

    def names_instance(self) -> bool:
        """Say whether an instance is named, rather than described."""
        if self._held.get("INSTANCE") is None:
            return False
        described = [name for name in _OF_INSTANCE if name in self._held]
        if described:
            raise ImproperlyConfigured(
                f'ENTITLEMENTS says both "INSTANCE" and "{described[0]}": make the instance with what it needs, '
                'or leave "INSTANCE" out'
            )
        return True

    def named(self) -> Entitlements:
        """Find the instance: itself, what makes it, or where one of these is."""
        found = self._imported("INSTANCE")
        if callable(found) and not isinstance(found, Entitlements):
            found = found()
        try:
            return checked_instance(found)
        except InvalidSettings:
            raise ImproperlyConfigured(
                f'ENTITLEMENTS["INSTANCE"] gives {shown(found)}: name an Entitlements, or a function that returns one, '
                'as in "shop.billing.ents"'
            ) from None

    def made(self) -> Entitlements:
        """Make the instance."""
        arguments = self.arguments()
        try:
            return Entitlements(**arguments)
        except InvalidSettings as error:
            raise ImproperlyConfigured(f"ENTITLEMENTS: {error}") from None

    def arguments(self) -> dict[str, Any]:
        """Give what an instance is made with; a key is wrapped, so that no frame on the way shows it."""
        return {name.lower(): self._argument(name) for name in _OF_INSTANCE if self._held.get(name) is not None}

    def lacks(self) -> str | None:
        """Say what keeps an instance from being made, without making one."""
        given = self.arguments()
        needs_key = given.get("source", "stripe") == "stripe"
        try:
            Settings.read(**{name: value for name, value in given.items() if name in _READ}, needs_key=needs_key)
        except InvalidSettings as error:
            return str(error)
        return None

    def customers(self) -> Customers:
        """Find out how it is found who asks."""
        if self._held.get("CUSTOMER") is None:
            return SignedIn()
        return Callback(self._called("CUSTOMER", "a function that takes the request and finds the customer"))

    def handler(self) -> Callable[..., object] | None:
        """Find the project's own answer to refusals."""
        if self._held.get("HANDLER") is None:
            return None
        return self._called("HANDLER", "a function that takes the request and the refusal")

    def terms(self) -> Terms:
        """Say how a no is shown."""
        try:
            return Terms(*map(self._held.get, ("STATUS", "HIDE", "UPGRADE_URL")))
        except InvalidSettings as error:
            raise ImproperlyConfigured(f"ENTITLEMENTS: {error}") from None

    def preload(self) -> bool:
        """Say whether an async request is pinned before its view runs."""
        preload = self._held.get("PRELOAD", False)
        if not isinstance(preload, bool):
            raise ImproperlyConfigured(f'ENTITLEMENTS["PRELOAD"] is {shown(preload)}: give True or False')
        return preload

    def _argument(self, name: str) -> object:
        if name in _SECRETS:
            return Secret.all_wrapped(self._held[name])
        if name in _CALLABLES:
            return self._called(name, "a function")
        kind = _VALUES.get(name)
        if kind is None or not isinstance(self._held[name], Mapping):
            return self._held[name]
        try:
            return kind(**self._held[name])
        except (TypeError, InvalidSettings) as error:
            raise ImproperlyConfigured(f'ENTITLEMENTS["{name}"]: {error}') from None

    def _called(self, name: str, what: str) -> Callable[..., object]:
        found = self._imported(name)
        if not callable(found):
            raise ImproperlyConfigured(f'ENTITLEMENTS["{name}"] is {shown(found)}: give {what}, or its dotted path')
        return found

    def _imported(self, name: str) -> object:
        if not isinstance(self._held[name], str):
            return cast("object", self._held[name])
        try:
            return cast("object", import_string(self._held[name]))
        except ImportError as error:
            raise ImproperlyConfigured(
                f'ENTITLEMENTS["{name}"] is {shown(self._held[name])}, which can\'t be imported ({shown(str(error))}): '
                'give a dotted path, as in "shop.billing.ents"'
            ) from error


def _known(name: object) -> None:
    names = [*_OF_PROJECT, *_OF_INSTANCE]
    if name in names:
        return
    near = get_close_matches(str(name).upper(), names, n=1)
    advice = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(names)}"
    raise ImproperlyConfigured(f"ENTITLEMENTS says {shown(name)}, which is no setting: {advice}")
