"""JSON by the book, read by hand: what the library's reader is held against. It is slow, plain, and shares no code.

RFC 8259, and the bounds that are documented for what comes from Stripe: 64 levels, no member twice, numbers that
are finite and integers of at most 32 characters, strings of whole characters, UTF-8 without a mark.
"""

from __future__ import annotations

import math
import re
from typing import Final, TypeAlias

__all__ = ["Json", "NotJson", "read"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_LEVELS: Final = 64
_DIGITS: Final = 32
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_SIMPLE: Final = re.compile(r'"([^"\\\x00-\x1f]*)"')
_PLAIN: Final = re.compile(r'[^"\\\x00-\x1f]*')
_WORDS: Final[dict[str, tuple[str, Json]]] = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}
_ESCAPES: Final = {
    '"': '"',
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}
_HEX: Final = re.compile(r"[0-9a-fA-F]{4}")


class NotJson(Exception):
    """The text isn't JSON, or is beyond the bounds."""


def read(text: bytes) -> Json:
    try:
        reader = _Reader(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise NotJson from None
    return reader.whole()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def whole(self) -> Json:
        value = self._value(0)
        if self._peek():
            raise NotJson
        return value

    def _peek(self) -> str:
        """Skip blanks, and look at what comes."""
        self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # it always matches
        return self._text[self._at : self._at + 1]

    def _take(self, expected: str) -> None:
        if not self._text.startswith(expected, self._at):
            raise NotJson
        self._at += len(expected)

    def _value(self, level: int) -> Json:
        first = self._peek()
        if first in {"{", "["} and level == _LEVELS:
            raise NotJson
        if first == "{":
            return self._object(level + 1)
        if first == "[":
            return self._array(level + 1)
        if first == '"':
            return self._string()
        if first in _WORDS:
            word, value = _WORDS[first]
            self._take(word)
            return value
        return self._number()

    def _object(self, level: int) -> dict[str, Json]:
        members: dict[str, Json] = {}
        self._take("{")
        if self._peek() == "}":
            self._take("}")
            return members
        while True:
            if self._peek() != '"':
                raise NotJson
            name = self._string()
            if name in members:
                raise NotJson
            self._peek()
            self._take(":")
            members[name] = self._value(level)
            if self._peek() == "}":
                self._take("}")
                return members
            self._take(",")

    def _array(self, level: int) -> list[Json]:
        items: list[Json] = []
        self._take("[")
        if self._peek() == "]":
            self._take("]")
            return items
        while True:
            items.append(self._value(level))
            if self._peek() == "]":
                self._take("]")
                return items
            self._take(",")

    def _number(self) -> int | float:
        found = _NUMBER.match(self._text, self._at)
        if found is None:
            raise NotJson
        self._at = found.end()
        if found[1] is None and found[2] is None:
            if len(found[0]) > _DIGITS:
                raise NotJson
            return int(found[0])
        number = float(found[0])
        if math.isinf(number):
            raise NotJson
        return number

    def _string(self) -> str:
        short = _SIMPLE.match(self._text, self._at)
        if short is not None:
            self._at = short.end()
            return short[1]
        parts: list[str] = []
        self._take('"')
        while True:
            plain = _PLAIN.match(self._text, self._at)
            assert plain is not None
            parts.append(plain[0])
            self._at = plain.end()
            if self._text.startswith("\\", self._at):
                self._at += 1
                parts.append(self._escape())
            else:
                self._take('"')
                return "".join(parts)

    def _escape(self) -> str:
        letter = self._text[self._at : self._at + 1]
        self._at += 1
        if letter != "u":
            if letter not in _ESCAPES:
                raise NotJson
            return _ESCAPES[letter]
        code = self._four()
        if 0xDC00 <= code <= 0xDFFF:
            raise NotJson
        if 0xD800 <= code <= 0xDBFF:  # the first half of a character: the second has to follow
            self._take("\\u")
            low = self._four()
            if not 0xDC00 <= low <= 0xDFFF:
                raise NotJson
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        return chr(code)

    def _four(self) -> int:
        found = _HEX.match(self._text, self._at)
        if found is None:
            raise NotJson
        self._at = found.end()
        return int(found[0], 16)
