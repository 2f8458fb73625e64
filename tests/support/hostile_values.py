"""Hostile values: things of Python that are not what was asked for, and some that can't even be looked at."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fuzzing import Dice

__all__ = ["Branded", "Mixed", "value"]


class Branded(str):
    """Text in a class of its own that prints as something else, as markup and lazy texts may."""

    __slots__ = ()

    def __str__(self) -> str:
        return "something else"

    def __repr__(self) -> str:
        return "Branded"

    def __format__(self, spec: str) -> str:
        return "something else"


class Mixed(str, enum.Enum):  # noqa: UP042 - not a StrEnum: this kind prints its own name
    """Constants as many a code base keeps them: each is a text, and prints as `Mixed.KEY`."""

    CUSTOMER = "cus_1"
    FEATURE = "exports"
    ACCOUNT = "acct_1"
    KEY = "sk_test_1"
    BASE = "https://api.stripe.com"
    SECRET = "whsec_1"
    STRICT = "strict"


class _BadRepr:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class _BadBool:
    def __bool__(self) -> bool:
        raise RuntimeError("neither true nor false, like an array")


class _BadEq:
    """Compares with nothing, as an array does."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not to be compared")

    def __hash__(self) -> int:
        return 7


class _Anything:
    """Has every attribute, as a mock has."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything()


class _Endless(list[object]):
    """A list in a class of its own whose repr can't be had."""

    def __repr__(self) -> str:
        raise RecursionError


def _knot() -> list[object]:
    knot: list[object] = []
    knot.append(knot)
    return knot


def _deep(levels: int) -> list[object]:
    deep: list[object] = []
    for _ in range(levels):
        deep = [deep]
    return deep


VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**63,
    10**400,
    10**5_000,
    -(10**5_000),
    0.0,
    -0.0,
    0.5,
    1e308,
    -1e-308,
    math.nan,
    math.inf,
    -math.inf,
    1j,
    decimal.Decimal("1.5"),
    decimal.Decimal("NaN"),
    fractions.Fraction(1, 3),
    b"",
    b"cus_1",
    b"\xff\xfe",
    bytearray(b"cus_1"),
    memoryview(b"cus_1"),
    (),
    ("cus_1",),
    ["cus_1"],
    [[]],
    {},
    {"id": "cus_1"},
    {1: 2},
    {None: None},
    {"cus_1"},
    frozenset({"cus_1"}),
    range(3),
    iter(()),
    ...,
    NotImplemented,
    object,
    object(),
    len,
    ValueError("x"),
    dt.timedelta(seconds=1),
    dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    Branded("cus_1"),
    Branded(""),
    Branded("x" * 300),
    Mixed.CUSTOMER,
    Mixed.KEY,
    _BadRepr(),
    _BadBool(),
    _BadEq(),
    _Anything(),
    _Endless([1]),
    [_BadRepr()],
    {"a": _BadRepr()},
    [10**5_000],
    _knot(),
    _deep(5_000),
    list(range(100_000)),
    "x" * 1_000_000,
)


def value(dice: Dice) -> Any:
    return dice.choice(VALUES)
