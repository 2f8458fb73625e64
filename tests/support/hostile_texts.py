"""Hostile texts: what looks like something else, begins a line of its own, or never ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fuzzing import Dice

__all__ = ["spoilt_text", "text"]

TEXTS: Final = (
    "",
    " ",
    "\t",
    "\x00",
    "\n",
    "\r\n",
    "a\r\nX-Injected: 1",
    "\x1b[31m",
    "\x7f",
    "\x85",
    "\xa0",
    "\xad",
    "\u200b",
    "\u2028",
    "\u202e",
    "\ufeff",
    "\ud800",
    "\udcff",
    "\udbff\udfff",
    "\U0010ffff",
    "\U0001f600",
    "é",
    "e\u0301",
    "日本",
    "²",
    "٣",
    "\uff11",
    "ﬁ",
    "\u017f",
    "İ",
    "с",  # noqa: RUF001 - Cyrillic, that is the point
    "сus_1",  # noqa: RUF001 - see above
    "..",
    ".",
    "/",
    "../..",
    "%00",
    "%2e%2e",
    "&limit=1",
    "?x",
    "#",
    ";",
    ",",
    "=",
    ":",
    "@",
    "\\",
    "'",
    '"',
    "`",
    "{}",
    "{0}",
    "%s",
    "[]",
    "null",
    "None",
    "true",
    "False",
    "NaN",
    "Infinity",
    "0",
    "-0",
    "1",
    "-1",
    "1e999",
    "0x10",
    "1_000",
    "9" * 20,
    "9" * 5_000,
    "x" * 80,
    "x" * 81,
    "x" * 255,
    "x" * 256,
    "x" * 10_000,
    "cus_1",
    "CUS_1",
    "acct_1",
    "sk_test_1",
    "sk_live_",
    "whsec_",
    "__class__",
    "<script>",
)

_LOOK_ALIKE: Final = str.maketrans({"a": "а", "c": "с", "e": "е", "1": "１", "0": "٠", "_": "＿", "s": "ſ", ".": "․"})  # noqa: RUF001 - see above


def text(dice: Dice) -> str:
    return dice.choice(TEXTS)


def spoilt_text(dice: Dice, good: str, times: int = 1) -> str:
    """Spoil a text a little, so that it still looks like what it was."""
    for _ in range(times):
        good = dice.pick(_TRICKS)(dice, good)
    return good


def _slice(dice: Dice, good: str) -> tuple[int, int]:
    start = dice.randrange(len(good) + 1)
    return start, min(len(good), start + dice.choice((1, 1, 2, 8)))


def _cut_off(dice: Dice, good: str) -> str:
    return good[: dice.randrange(len(good) + 1)]


def _delete(dice: Dice, good: str) -> str:
    start, end = _slice(dice, good)
    return good[:start] + good[end:]


def _repeat(dice: Dice, good: str) -> str:
    start, end = _slice(dice, good)
    return good[:end] + good[start:]


def _insert(dice: Dice, good: str) -> str:
    start, _ = _slice(dice, good)
    return good[:start] + text(dice) + good[start:]


def _replace(dice: Dice, good: str) -> str:
    start, end = _slice(dice, good)
    return good[:start] + text(dice) + good[end:]


def _append(dice: Dice, good: str) -> str:
    return good + text(dice)


def _prepend(dice: Dice, good: str) -> str:
    return text(dice) + good


def _swap_case(dice: Dice, good: str) -> str:
    start, end = _slice(dice, good)
    return good[:start] + good[start:end].swapcase() + good[end:]


def _look_alike(dice: Dice, good: str) -> str:
    start, _ = _slice(dice, good)
    return good[:start] + good[start:].translate(_LOOK_ALIKE)


def _any_character(dice: Dice, good: str) -> str:
    start, end = _slice(dice, good)
    return good[:start] + chr(dice.randrange(0x110000)) + good[end:]


def _lengthen(dice: Dice, good: str) -> str:
    return ((good or "x") * dice.choice((2, 10, 100)))[:100_000]


_TRICKS: Final[Sequence[Callable[[Dice, str], str]]] = (
    _cut_off,
    _delete,
    _repeat,
    _insert,
    _replace,
    _append,
    _prepend,
    _swap_case,
    _look_alike,
    _any_character,
    _lengthen,
)
