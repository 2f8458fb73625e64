"""Ways to write a path: what clients, proxies and attackers make of one, so that none leads round a gate."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["path_variants"]

_BEFORE: Final = ("", "/", "/.", "/x/..", "/%2e", "/%2E%2E", "/;", "/%20", "//host", "/%2f", "/\u200b", "/..", "/%00")
_BETWEEN: Final = ("/", "//", "/./", "/x/../", "%2f", "%2F", "%5c", ";/", "/%2e/", "/;x=1/", "/%09", "%252f", "/..;/")
_AFTER: Final = ("", "/", "//", "/.", "%2f", "?", "?x=1", ";x=1", "%20", "%00", ".json", "/..;/", "%0a", "#x", "\u00a0")


def path_variants(path: str, many: int) -> list[str]:
    """Write a path in many ways, each another; some lead to the same place on some server, most lead nowhere.

    The same ones come every time, the simplest first.

    >>> path_variants("/a/report", 4)
    ['/a/report/', '/a/report//', '/a/report/.', '/a/report%2f']
    """
    words = path.strip("/").split("/")
    simple = [f"/{'/'.join(words)}{after}" for after in _AFTER]
    odd = list(_variants(words))
    Random(0).shuffle(odd)  # noqa: S311 - a sample, not a secret
    return [variant for variant in dict.fromkeys(simple + odd) if variant != path][:many]


def _variants(words: list[str]) -> Iterator[str]:
    for spelt in _spellings(words):
        for before, between, after in product(_BEFORE, _BETWEEN, _AFTER):
            yield f"{before}/{between.join(spelt)}{after}"


def _spellings(words: list[str]) -> Iterator[list[str]]:
    yield words
    yield [word.upper() for word in words]
    yield [word.capitalize() for word in words]
    yield [f"%{ord(word[0]):02x}{word[1:]}" for word in words]
    yield [f"%25{ord(word[0]):02x}{word[1:]}" for word in words]
