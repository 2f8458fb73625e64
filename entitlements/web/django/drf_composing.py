"""What `&`, `|` and `~` make of a feature's permission: expressions in which "cannot tell" never becomes a yes.

A gate neither holds nor fails of somebody it can't tell about, nor of nobody: its permission raises then, so that no
operator turns that round. The framework's own would do, but for three things: an `|` ends at the first of its two that
raises, though the other may admit; a `~` opens to nobody where an `&` within it ends before it comes to the gate; and
what a part would have had said of its no outlives an expression that admits in the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from rest_framework.permissions import AND, NOT, OR, BasePermissionMetaclass, OperandHolder, SingleOperandHolder

from entitlements.guard import MARK, gates_of
from entitlements.web.django.drf_refusal import FeatureRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn

    from rest_framework.request import Request
    from rest_framework.views import APIView

__all__ = ["Composable", "composable", "explain"]

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
        except FeatureRefused:  # it can't be told, or nobody is signed in
            if not ask(self.op2):
                raise
            admitted = True
        return (admitted or ask(self.op2)) and _admits(view)


class _Not(NOT):
    op1: Any

    def has_permission(self, request: Request, view: APIView) -> bool:
        return not self.op1.has_permission(request, view) and self._of_somebody(request, view)

    def has_object_permission(self, request: Request, view: APIView, obj: object) -> bool:
        return not self.op1.has_object_permission(request, view, obj) and self._of_somebody(request, view)

    def _of_somebody(self, request: Request, view: APIView) -> bool:
        """Refuse nobody, though an `&` or `|` may have ended before it came to a gate."""
        for gate in _gates_in(self.op1):
            gate.refuse_nobody(request, view)
        return _admits(view)


def _gates_in(permission: object) -> Iterator[Any]:
    """List the features' permissions that an expression is made of."""
    waiting = [permission]
    while waiting:
        one = waiting.pop()
        if isinstance(type(one), Composable):
            yield one
        waiting += [part for name in ("op1", "op2") if (part := getattr(one, name, None)) is not None]


# The framework's types ask of an operator what its instances have.
_AND, _OR, _NOT = cast("Any", AND), cast("Any", _Or), cast("Any", _Not)


class _Operand(OperandHolder, SingleOperandHolder):
    """What our operators are found on.

    It is both of the framework's holders because Python asks the right-hand side first if that is of a subclass: else
    `IsThis & IsThat & HasFeature("exports")` would be composed by the framework's operators.
    """

    def __and__(self, other: object) -> Any:  # noqa: ANN401 - a holder, where a class as such makes a union type
        return _Holder(_AND, cast("Any", self), cast("Any", other))

    def __rand__(self, other: object) -> Any:  # noqa: ANN401 - see `__and__`
        return _Holder(_AND, cast("Any", other), cast("Any", self))

    def __or__(self, other: object) -> Any:  # noqa: ANN401 - see `__and__`
        return _Holder(_OR, cast("Any", self), cast("Any", other))

    def __ror__(self, other: object) -> Any:  # noqa: ANN401 - see `__and__`
        return _Holder(_OR, cast("Any", other), cast("Any", self))

    def __invert__(self) -> Any:  # noqa: ANN401 - see `__and__`
        return _Negation(_NOT, cast("Any", self))


class _Holder(_Operand):
    pass


class _Negation(_Operand):
    def __init__(self, operator_class: Any, op1_class: Any) -> None:  # noqa: ANN401 - as the framework has it
        super().__init__(operator_class, op1_class, cast("Any", None))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the framework has it
        return SingleOperandHolder.__call__(cast("Any", self), *args, **kwargs)


class Composable(_Operand, BasePermissionMetaclass):
    """What kind of class a feature's permission is; `~` makes another of it."""

    # A class is made, called and compared as any other is, not as a holder.
    __init__ = cast("Any", type.__init__)
    __call__ = cast("Any", type.__call__)
    __hash__ = type.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __invert__(self) -> Any:  # noqa: ANN401 - one of these again, where the framework has a holder
        of_ours = cast("Any", self)
        wanted = not of_ours.wanted
        mark = gates_of(of_ours.ask)[0] if wanted else None  # what is lacking gates no route with a feature
        body = {"wanted": wanted, MARK: mark, "__module__": self.__module__}
        return composable(self.__name__.removeprefix("~") if wanted else f"~{self.__name__}", self, body)


def composable(name: str, base: type, body: dict[str, Any]) -> Any:  # noqa: ANN401 - a subclass of the base
    """Make a feature's permission."""
    return cast("Any", Composable)(name, (base,), body)  # type checkers take the arguments for a holder's
