"""What gates ask when they aren't told: the view that is bound around them, and the configured instance."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from entitlements import overridden
from entitlements.errors import InvalidInput
from entitlements.resolver import Entitlements
from entitlements.stripe.ids import shown

if TYPE_CHECKING:
    from collections.abc import Generator

    from entitlements.customer import RequestView

__all__ = ["bind", "bound", "bound_view", "configure", "configured"]

bound: Final[ContextVar[RequestView | None]] = ContextVar("entitlements_view", default=None)
_configured: Entitlements | None = None


@contextmanager
def bind(view: RequestView | None) -> Generator[None]:
    """Bind a request's view for the gates within, and always unbind it: a reused thread must not see it."""
    token = bound.set(view)
    _mind_overrides()
    try:
        yield
    finally:
        bound.reset(token)
        _mind_overrides()


def _mind_overrides() -> None:
    """Keep the gates from admitting by what the view around this code has pinned, where a test may say otherwise."""
    if overridden.anywhere and (view := bound.get()) is not None:
        view.leave_hot_path()


overridden.on_begin(_mind_overrides)


def bound_view() -> RequestView | None:
    """Give the view that the middleware around this code has bound, if any has."""
    return bound.get()


def configure(entitlements: Entitlements | None) -> None:
    """Name the instance that gates ask when neither they nor a bound view say which; `None` takes it back.

    Raises:
        InvalidInput: this is no `Entitlements`.
    """
    global _configured  # noqa: PLW0603 - the application's one default, set once at its start
    if entitlements is not None and not isinstance(entitlements, Entitlements):
        raise InvalidInput(f"configure({shown(entitlements)}): give an Entitlements, or None to take it back")
    _configured = entitlements


def configured() -> Entitlements | None:
    """Give the instance that `configure` named, if any."""
    return _configured
