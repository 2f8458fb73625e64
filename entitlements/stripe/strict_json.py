"""JSON as strict as a signature deserves: one reading of every text, and bounded work for any."""

from __future__ import annotations

import json
import math
import re
from itertools import accumulate
from typing import Final, NoReturn, cast

__all__ = ["BadJson", "loads"]

_DEPTH: Final = 64
_DIGITS: Final = 32

# A string is one even if it never ends; possessive repeats keep a hostile text linear.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKETS: Final = bytes(each for each in range(256) if each not in b"[]{}")
_STEPS: Final = tuple({"[": 1, "{": 1, "]": -1, "}": -1}.get(chr(each), 0) for each in range(256))
_SURROGATE: Final = re.compile(rb"\\u[dD][89abAB]|\\u[dD][c-fC-F]")


class BadJson(ValueError):
    """The text is not JSON that can be read in one way; the message says why, without quoting it."""


def loads(text: bytes, *, depth: int = _DEPTH) -> object:
    """Read JSON, and raise `BadJson`, nothing else, for whatever is wrong with it.

    >>> loads(b'{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ...
    entitlements.stripe.strict_json.BadJson: an object names a member twice
    """
    if _is_deeper(text, depth):  # before the parser recurses
        raise BadJson(f"it is nested more than {depth} levels deep")
    try:
        value = _decoder.decode(text.decode("utf-8"))
    except BadJson as bad:
        reason = str(bad)
    except UnicodeDecodeError:
        reason = "it is not UTF-8"
    except (ValueError, RecursionError):
        reason = "it is not JSON"
    else:
        if not _SURROGATE.search(text) or _is_unicode(value):
            return cast("object", value)
        reason = "a string holds half a character"
    raise BadJson(reason)


def _is_deeper(text: bytes, depth: int) -> bool:
    if text.count(b"[") + text.count(b"{") <= depth:
        return False  # too few brackets to be deep
    brackets = _STRING.sub(b"", text).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > depth  # millions of them in no loop of ours


def _is_unicode(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadJson("an object names a member twice")
    return members


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:  # reading a number of n digits takes n squared steps
        raise BadJson(f"a number has more than {_DIGITS} digits")
    return int(digits)


def _real(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise BadJson("a number is beyond all bounds")
    return number


def _constant(_name: str) -> NoReturn:
    raise BadJson("NaN and Infinity are not JSON")


_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=_constant
)
