"""The decorator, as Django's views need it."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.views import View

from entitlements.gate import requires_feature as gated_by
from entitlements.web.django.awaits import awaits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from entitlements.resolver import Entitlements

__all__ = ["requires_feature"]

F = TypeVar("F")


def requires_feature(  # noqa: PLR0913 - one argument for each thing a gate may be told
    *features: str,
    any_of: Sequence[str] | None = None,
    customer: Callable[..., object] | None = None,
    entitlements: Entitlements | None = None,
    otherwise: Callable[..., object] | None = None,
    status: int | None = None,
    hide: bool | None = None,
    upgrade_url: str | None = None,
) -> Callable[[F], F]:
    """Let a view run only for a customer who has the features: all that are named, or any of `any_of`.

    It is `entitlements.requires_feature`, which guards whatever can be called, and knows two things more of Django: an
    async class's `as_view()` and `dispatch` are awaited though they are plain functions, and of a class it says what to
    do instead. `method_decorator(requires_feature("exports"), name="dispatch")` guards a class view, as
    `FeatureRequiredMixin` does.

    Raises:
        TypeError: when decorating: no key, both kinds of keys, or something that can't be guarded.
        InvalidInput: when decorating: a key that can't be one.
        InvalidSettings: when decorating: a status, `hide` or `upgrade_url` that can't be right.
        FeatureRequired: when called: the customer hasn't the features, or nobody is signed in.
        EntitlementsUnavailable: when called: it can't be told.
        NotConfigured: when called: nothing says which instance, or whose customer; is the middleware there?

    >>> from django.http import HttpResponse
    >>> @requires_feature("exports", upgrade_url="/pricing")
    ... def export(request):
    ...     return HttpResponse("exported")
    """
    decorate: Callable[[Any], Any] = gated_by(
        *features,
        any_of=any_of,
        customer=customer,
        entitlements=entitlements,
        otherwise=otherwise,
        status=status,
        hide=hide,
        upgrade_url=upgrade_url,
    )
    return cast("Callable[[F], F]", _Decorator(decorate))


class _Decorator:
    """What `requires_feature(...)` gives: put above a view, and nowhere else."""

    __slots__ = ("__weakref__", "_decorate")

    def __init__(self, decorate: Callable[[Any], Any]) -> None:
        self._decorate = decorate

    def __call__(self, view: object, /) -> object:
        if inspect.isclass(view) and issubclass(view, View):
            raise TypeError(
                f"requires_feature can't guard the class {view.__name__}: let it inherit FeatureRequiredMixin first, "
                'or use @method_decorator(requires_feature(...), name="dispatch")'
            )
        return self._decorate(_coroutine_function(view))

    def __repr__(self) -> str:
        return repr(self._decorate)


def _coroutine_function(view: object) -> object:
    """Make a coroutine function of a plain one that Django awaits, so that its gate is awaited too."""
    if inspect.iscoroutinefunction(view) or not (awaits(view) or _is_async_dispatch(view)):
        return view
    call = cast("Callable[..., Any]", view)

    @functools.wraps(call)
    async def awaited(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the view takes and gives
        return await call(*args, **kwargs)

    return awaited


def _is_async_dispatch(view: object) -> bool:
    """Say whether this is an async class's `dispatch`, as `method_decorator` hands it over: bound, in a partial."""
    bound = view.func if isinstance(view, functools.partial) else view
    held = getattr(bound, "__self__", None)
    return getattr(bound, "__name__", "") == "dispatch" and isinstance(held, View) and bool(held.view_is_async)
