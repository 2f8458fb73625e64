"""What `&`, `|` and `~` make of a feature's permission: expressions in which "cannot tell" never becomes a yes.

The framework's own operators would do, but for two things: an `|` ends at the first of its two that can't tell, though
the other may admit; and what a part would have had said of its no outlives an expression that admits in the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from rest_framework.permissions import AND, NOT, OR, BasePermissionMetaclass, OperandHolder, SingleOperandHolder

from entitlements.guard import MARK, gates_of
from entitlements.web.django.drf_refusal import FeatureRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from rest_framework.request import Request
    from rest_framework.views import APIView

__all__ = ["Composable", "explain"]

_DENY: Final = "permission_denied"


def explain(view: APIView, refused: FeatureRefused) -> None:
    """Have a view say this if permission is denied in the end."""

    def permission_denied(*_: object, **__: object) -> NoReturn:
        raise refused

    setattr(view, _DENY, permission_denied)  # a view serves one request


def _admits(view: APIView) -> bool:
    """Take back what a part would have had said: the whole admits."""
    view.__dict__.pop(_DENY, None)
    return True


class _Or(OR):
    op1: Any
    op2: Any

    def has_permission(self, request: Request, view: APIView) -> bool:
        return self._either(view, lambda one: one.has_permission(request, view))

    def has_object_permission(self, request: Request, view: APIView, obj: object) -> bool:
        return self._either(
            view, lambda one: one.has_permission(request, view) and one.has_object_permission(request, view, obj)
        )

    def _either(self, view: APIView, ask: Callable[[Any], bool]) -> bool:
        try:
            admitted = ask(self.op1)
        except FeatureRefused:  # it can't be told
            if not ask(self.op2):
                raise
            admitted = True
        return (admitted or ask(self.op2)) and _admits(view)


class _Not(NOT):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and _admits(view)


# The framework's types ask of an operator what its instances have.
_AND, _OR, _NOT = cast("Any", AND), cast("Any", _Or), cast("Any", _Not)


class _Holder(OperandHolder):
    def __and__(self, other: object) -> _Holder:
        return _Holder(_AND, self, cast("Any", other))

    def __rand__(self, other: object) -> _Holder:
        return _Holder(_AND, cast("Any", other), self)

    def __or__(self, other: object) -> _Holder:
        return _Holder(_OR, self, cast("Any", other))

    def __ror__(self, other: object) -> _Holder:
        return _Holder(_OR, cast("Any", other), self)

    def __invert__(self) -> SingleOperandHolder:
        return SingleOperandHolder(_NOT, self)


class Composable(BasePermissionMetaclass):
    """What kind of class a feature's permission is; `~` makes another of it."""

    def __and__(self, other: object) -> _Holder:
        return _Holder(_AND, cast("Any", self), cast("Any", other))

    def __rand__(self, other: object) -> _Holder:
        return _Holder(_AND, cast("Any", other), cast("Any", self))

    def __or__(self, other: object) -> Any:  # noqa: ANN401 - a holder, where a class as such makes a union type
        return _Holder(_OR, cast("Any", self), cast("Any", other))

    def __ror__(self, other: object) -> Any:  # noqa: ANN401 - see `__or__`
        return _Holder(_OR, cast("Any", other), cast("Any", self))

    def __invert__(self) -> Any:  # noqa: ANN401 - one of these again, where the framework has a holder
        of_ours = cast("Any", self)
        wanted = not of_ours.wanted
        mark = gates_of(of_ours.ask)[0] if wanted else None  # what is lacking gates no route with a feature
        body = {"wanted": wanted, MARK: mark, "__module__": self.__module__}
        return Composable(self.__name__.removeprefix("~") if wanted else f"~{self.__name__}", (self,), body)
