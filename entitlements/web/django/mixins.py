"""The mixin: a gate for class-based views, plain and async."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.views import View

from entitlements.gate import requires_feature
from entitlements.guard import MARK, gates_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from entitlements.asked import Gate
    from entitlements.resolver import Entitlements

__all__ = ["FeatureRequiredMixin"]


class FeatureRequiredMixin:
    """Let a class-based view be dispatched only for a customer who has the features.

    Put it before the view's other bases; a mixin that stands before it, as LoginRequiredMixin may, is asked first.

    Attributes:
        required_features: lookup keys, all of which are needed; a single one may be written as a string.
        any_of: lookup keys, one of which is enough; instead of `required_features`.
        status: the HTTP status of a no, instead of 402.
        hide: answer a no as if there were nothing here.
        upgrade_url: the page that sells this.
        entitlements_instance: the instance to ask, instead of the middleware's.
        entitled_customer: a method that finds the customer, called with what `dispatch` is; it may be async where the
            view is.
        otherwise: a method that answers instead when the answer is no, and when it isn't known; called likewise.

    Raises:
        TypeError: when the class is made, or its `as_view()` called: it stands behind View, or names no feature.
        InvalidInput: when its `as_view()` is called: a key that can't be one.

    >>> from django.views.generic import TemplateView
    >>> class Report(FeatureRequiredMixin, TemplateView):
    ...     required_features = "reports"
    ...     template_name = "report.html"
    """

    required_features: ClassVar[str | Sequence[str] | None] = None
    any_of: ClassVar[Sequence[str] | None] = None
    status: ClassVar[int | None] = None
    hide: ClassVar[bool | None] = None
    upgrade_url: ClassVar[str | None] = None
    entitlements_instance: ClassVar[Entitlements | None] = None
    entitled_customer: Callable[..., object] | None = None
    otherwise: Callable[..., object] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 - whatever a base takes
        super().__init_subclass__(**kwargs)
        order = cls.__mro__
        if View in order and order.index(View) < order.index(FeatureRequiredMixin):
            raise TypeError(
                f"{cls.__name__} names FeatureRequiredMixin after a view, which would be dispatched without it: "
                f"write class {cls.__name__}(FeatureRequiredMixin, ...)"
            )

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., Any]:  # noqa: ANN401 - as Django has it
        """Make the view function, once the class has said what it requires."""
        gate = _Door(cls, initkwargs).gate
        view: Callable[..., Any] = cast("Any", super()).as_view(**initkwargs)
        setattr(view, MARK, gate)
        return view

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401 - as Django has it
        """Dispatch, if the customer may."""
        door = _Door(type(self), self.__dict__)
        enter = door.aenter if cast("View", self).view_is_async else door.enter
        return enter(self, request, *args, **kwargs)


class _Door:
    """What one class of views requires, with what its `as_view()` was given besides."""

    def __init__(self, view: type[FeatureRequiredMixin], own: dict[str, Any]) -> None:
        def said(name: str) -> Any:  # noqa: ANN401 - each attribute's own
            return own.get(name, getattr(view, name))

        features = said("required_features")
        any_of = said("any_of")
        if features is None and any_of is None:
            raise TypeError(
                f'{view.__name__} says nothing of what it requires: set required_features = "exports", or any_of'
            )
        self.gate, self.enter, self.aenter = _guards(
            (features,) if isinstance(features, str) else tuple(features or ()),
            any_of if any_of is None or isinstance(any_of, str) else tuple(any_of),
            said("entitled_customer") is not None,
            said("otherwise") is not None,
            said("status"),
            said("hide"),
            said("upgrade_url"),
            said("entitlements_instance"),
        )


@lru_cache(maxsize=1_000)
def _guards(  # noqa: PLR0913, PLR0917 - what a gate is made of
    features: tuple[str, ...],
    any_of: tuple[str, ...] | None,
    finds: bool,  # noqa: FBT001 - a part of the cache's key
    answers: bool,  # noqa: FBT001 - see `finds`
    status: int | None,
    hide: bool | None,  # noqa: FBT001 - see `finds`
    upgrade_url: str | None,
    entitlements: Entitlements | None,
) -> tuple[Gate, Callable[..., HttpResponseBase], Callable[..., HttpResponseBase]]:
    decorate = requires_feature(
        *features,
        any_of=any_of,
        customer=_customer if finds else None,
        otherwise=_otherwise if answers else None,
        status=status,
        hide=hide,
        upgrade_url=upgrade_url,
        entitlements=entitlements,
    )

    def enter(view: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - what `dispatch` takes and gives
        return _next_dispatch(view)(*args, **kwargs)

    async def aenter(view: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - see `enter`
        return await _next_dispatch(view)(*args, **kwargs)

    guarded, aguarded = decorate(enter), cast("Any", decorate(aenter))
    return gates_of(guarded)[0], guarded, aguarded


def _next_dispatch(view: FeatureRequiredMixin) -> Any:  # noqa: ANN401 - whichever class's comes after us
    return cast("Any", super(FeatureRequiredMixin, view)).dispatch


def _customer(view: Any, *args: Any, **kwargs: Any) -> object:  # noqa: ANN401 - what `dispatch` takes
    return view.entitled_customer(*args, **kwargs)


def _otherwise(view: Any, *args: Any, **kwargs: Any) -> object:  # noqa: ANN401 - see `_customer`
    return view.otherwise(*args, **kwargs)
