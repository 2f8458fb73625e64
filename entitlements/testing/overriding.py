"""Overrides: a customer has a feature, or hasn't, because a test says so."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, ParamSpec, TypeVar, cast

from entitlements import overridden
from entitlements.core import identify
from entitlements.errors import InvalidInput
from entitlements.stripe.ids import feature_key, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType
    from typing import Self

__all__ = ["Override", "OverrideOutsideTests", "override"]

P = ParamSpec("P")
T = TypeVar("T")


class OverrideOutsideTests(UserWarning):
    """An override was begun where neither pytest nor unittest runs: it gives away what is sold.

    A process that wants no such thing makes it an error: `warnings.simplefilter("error", OverrideOutsideTests)`.

    >>> issubclass(OverrideOutsideTests, UserWarning)
    True
    """


def override(customer: object, features: Mapping[str, bool] | None = None, /, **named: bool) -> Override:
    """Say for a while whether a customer has features, whatever is true.

    It holds for every question asked of any instance in this context: `has_feature`, `check`, `require` and their
    a-twins, views, gates, and requests that had begun before. It is answered at once, also where the source fails or
    hangs, and a decision that rests on it says so: `source="override"`. What isn't named is answered as ever.

    Other threads and other tasks are not touched; a task made within it takes it along, until it ends. Of several, the
    inner one wins for the features that it names. A `Pinned` that is in your own hands stays what it was.

    While one is in force, no question in this process takes the hot path. It belongs into tests: begun anywhere else,
    it warns, once for each line it is written on.

    Args:
        customer: an id, or an object with a `.stripe_customer_id`.
        features: by lookup key, for keys that are no Python names.
        named: the others.

    Raises:
        InvalidInput: a customer that is none, a key that can't be one, or a value that is neither True nor False.

    >>> from entitlements import Entitlements
    >>> from entitlements.testing import StaticSource
    >>> with Entitlements(source=StaticSource({"cus_1": ["sso"]})) as ents:
    ...     with override("cus_1", {"data-exports": True}, sso=False):
    ...         ents.has_feature("cus_1", "data-exports"), ents.check("cus_1", "sso").source.value
    ...     ents.has_feature("cus_1", "data-exports"), ents.has_feature("cus_1", "sso")
    (True, 'override')
    (False, True)

    It decorates functions and coroutine functions too:

    >>> @override("cus_1", exports=True)
    ... def test_the_export_is_offered(): ...
    """
    return Override(_whose(customer), _checked(features, named), _site())


class Override:
    """What `override` gives: a context manager and a decorator, to be used as often as one likes."""

    def __init__(self, customer: str, features: Mapping[str, bool], site: _Site) -> None:
        self._customer = customer
        self._features = features
        self._site = site
        self._begun: list[overridden.Layer] = []

    def __enter__(self) -> Self:
        """Begin it in this context."""
        self._site.warn_outside_tests()
        self._begun.append(overridden.begin(self._customer, self._features))
        return self

    def __exit__(self, *exc_info: object) -> None:
        """End the one begun last in this context; a fixture may end in another context than it began in."""
        here = [layer for layer in overridden.standing() if layer in self._begun]
        layer = here[0] if here else self._begun[-1]
        self._begun.remove(layer)
        overridden.end(layer)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Have it in force whenever a function runs.

        Raises:
            TypeError: this is no function, or one that goes on after it was called.
        """
        if inspect.isclass(function) or not callable(function):
            raise TypeError(f"override can't decorate {shown(function)}: put it on a function, below other decorators")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"override can't decorate the generator {shown(function.__name__)}, which runs after it was called: "
                "write `with override(...):` in its body"
            )
        return cast("Callable[P, T]", self._around(cast("Callable[..., Any]", function)))

    def _around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes and gives
                with self._again():
                    return await function(*args, **kwargs)

            return awaited

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the function takes and gives
            with self._again():
                return function(*args, **kwargs)

        return called

    def _again(self) -> Override:
        return Override(self._customer, self._features, self._site)

    def __repr__(self) -> str:
        return f"override({self._customer!r}, {self._features!r})"


# --- what it is given ------------------------------------------------------------------------------------------------


def _whose(customer: object) -> str:
    found = identify(customer)
    if found is None:
        raise InvalidInput(
            f"override({shown(customer)}) is about an object whose stripe_customer_id is None, as are all who never "
            "bought: give it an id first, such as 'cus_test'"
        )
    return found


def _checked(features: Mapping[str, bool] | None, named: Mapping[str, bool]) -> Mapping[str, bool]:
    given: object = {} if features is None else features
    if not isinstance(given, Mapping):
        raise InvalidInput(f"override's features are {shown(given)}: give a dict, as in {{'data-exports': True}}")
    by_key = cast("Mapping[object, object]", given)
    twice = sorted(key for key in named if key in by_key)
    if twice:
        raise InvalidInput(f"override names {shown(twice[0])} twice, in the dict and by keyword: leave one out")
    checked: dict[str, bool] = {}
    for key, has in (*by_key.items(), *named.items()):
        if not isinstance(has, bool):
            raise InvalidInput(f"override says {shown(has)} of {shown(key)}: say True or False")
        checked[feature_key(key)] = has
    if not checked:
        raise InvalidInput("override names no feature: write override('cus_1', exports=True)")
    return checked


# --- where it is written ---------------------------------------------------------------------------------------------


class _Site(NamedTuple):
    """The line that an override is written on."""

    filename: str
    line: int
    module: str

    def warn_outside_tests(self) -> None:
        """Warn of an override outside tests, unless this line was warned of before."""
        if self in _warned or _in_tests():
            return
        warnings.warn_explicit(
            "entitlements.testing.override is in force outside tests: it gives away what is sold. Grant what somebody "
            "shall have in Stripe, or run this under pytest or unittest",
            OverrideOutsideTests,
            self.filename,
            self.line,
            self.module,
        )
        _warned.add(self)  # not where the warning was made an error: whoever tries again is told again


_warned: Final[set[_Site]] = set()


def _site() -> _Site:
    frame = sys._getframe(2)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - as `warnings` itself does
    return _Site(frame.f_code.co_filename, frame.f_lineno, str(frame.f_globals.get("__name__", "")))


def _in_tests() -> bool:
    """Say whether tests are being run: pytest says so itself, unittest is seen at work on some thread's stack.

    That `unittest` has been imported says nothing: applications that never test import its mocks.
    """
    if "PYTEST_VERSION" in os.environ or "PYTEST_CURRENT_TEST" in os.environ:
        return True
    runners = set(_unittest_s())
    return bool(runners) and any(frame.f_code in runners for frame in _frames())


def _unittest_s() -> Iterator[CodeType]:
    for module, name in (("unittest.case", "TestCase"), ("unittest.suite", "TestSuite")):
        if module in sys.modules:
            yield getattr(sys.modules[module], name).run.__code__


def _frames() -> Iterator[FrameType]:
    for top in sys._current_frames().values():  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - public, says its documentation
        frame: FrameType | None = top
        while frame is not None:
            yield frame
            frame = frame.f_back
