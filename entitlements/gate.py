"""The gate: `requires_feature`, on any callable."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from entitlements.asked import Gate
from entitlements.guard import guard
from entitlements.requirement import Requirement
from entitlements.resolver import Entitlements
from entitlements.stripe.ids import feature_key, shown
from entitlements.terms import Terms

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Sequence
    from typing import NoReturn

__all__ = ["Decorator", "required", "requires_feature", "told"]

F = TypeVar("F")
G = TypeVar("G", bound=Gate)


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
    """Let a function run only for a customer who has the features: all that are named, or any of `any_of`.

    It guards functions, coroutine functions, generators, async generators, methods, class methods and static methods;
    none of the body runs before the check is done. An async generator is checked when it is called if that takes no
    wait, and else before its first step.

    Who asks, and whom about: `entitlements=` and `customer=` if given; else the view that middleware has bound; else,
    for the instance, the one given to `entitlements.configure`.

    Args:
        features: lookup keys, all of which are needed.
        any_of: lookup keys, one of which is enough; instead of `features`, not beside them.
        customer: called with the function's own arguments, to find the customer; `None` means nobody is signed in. It
            may be async where the function is.
        entitlements: the instance to ask.
        otherwise: called instead of the function, with its arguments, when the answer is no and when it isn't known.
        status: the HTTP status of a no, instead of 402.
        hide: answer a no with 404, as if there were nothing here; a don't-know is 503 all the same.
        upgrade_url: the page that sells this; browsers are sent there. These three go before what the application's
            middleware was told.

    Raises:
        TypeError: when decorating: no key, both kinds of keys, or something that can't be guarded.
        InvalidInput: when decorating: a key that can't be one.
        InvalidSettings: when decorating: a status, `hide` or `upgrade_url` that can't be right.
        FeatureRequired: when called: the customer hasn't the features, or nobody is signed in.
        EntitlementsUnavailable: when called: it can't be told.
        NotConfigured: when called: nothing says which instance, or whose customer.

    >>> @requires_feature("exports", customer=lambda job: job.org)
    ... def export(job):
    ...     return f"{job.org} exported"
    """
    terms = Terms(status, hide, upgrade_url)
    gate = told(Gate, required(features, any_of), customer, entitlements, otherwise, terms)
    return cast("Callable[[F], F]", Decorator(gate))


def told(  # noqa: PLR0913, PLR0917 - what a gate is made of, in its order
    kind: type[G],
    need: Requirement,
    customer: Callable[..., object] | None,
    entitlements: Entitlements | None,
    otherwise: Callable[..., object] | None,
    terms: Terms,
) -> G:
    """Make a gate of what it was told.

    Raises:
        TypeError: something of that can't be right.
    """
    for name, call in (("customer", customer), ("otherwise", otherwise)):
        if call is not None and not callable(call):
            raise TypeError(f"requires_feature({name}={shown(call)}): give a function")
    if entitlements is not None and not isinstance(entitlements, Entitlements):
        raise TypeError(f"requires_feature(entitlements={shown(entitlements)}): give an Entitlements")
    return kind(need, customer, entitlements, otherwise, None if terms.silent else terms)


class Decorator:
    """What `requires_feature(...)` gives: put above a function, and nowhere else.

    A framework that takes it for one of its own things, as a dependency, looks at its signature first, and is told.

    Args:
        gate: what to put before it.
        put: how a gate is put before a function, or before what else a framework has.
    """

    __slots__ = ("__weakref__", "_gate", "_put")

    def __init__(self, gate: Gate, put: Callable[[Gate, object], object] = guard) -> None:
        self._gate = gate
        self._put = put

    def __call__(self, target: object, /) -> object:
        return self._put(self._gate, target)

    @property
    def __signature__(self) -> inspect.Signature:
        raise TypeError(self._misplaced)

    def __get_pydantic_core_schema__(self, *_: object) -> NoReturn:
        """Be heard within `Annotated` too, where FastAPI passes over what it doesn't know."""
        raise TypeError(self._misplaced)

    @property
    def _misplaced(self) -> str:
        return (
            f'requires_feature("{self._gate.need}") is a decorator, not a dependency: put it above a function, '
            "or use RequiresFeature of entitlements.web.fastapi where a dependency goes"
        )

    def __repr__(self) -> str:
        return f"<requires_feature {self._gate.need}>"


def required(features: tuple[str, ...], any_of: Sequence[str] | None) -> Requirement:
    """Read a gate's keys: all that are named, or any of a list.

    Raises:
        TypeError: there is none, or both kinds are given.
        InvalidInput: one can't be a lookup key.
    """
    if features and any_of is not None:
        raise TypeError("requires_feature takes either the keys that are all needed, or any_of=[...], not both")
    if isinstance(any_of, str):
        raise TypeError(f"any_of={any_of!r} is one string: give a list, as in any_of=[{any_of!r}]")
    keys = features if any_of is None else tuple(any_of)
    if not keys:
        raise TypeError('requires_feature needs at least one lookup key, as in @requires_feature("exports")')
    if callable(keys[0]):
        raise TypeError('requires_feature was used without a key: write @requires_feature("exports")')
    return Requirement(tuple(map(feature_key, keys)), any_of=any_of is not None)
