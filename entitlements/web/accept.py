"""Whether a client would rather read a page than data, by its Accept header (RFC 9110, 12.5.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["prefers_html"]

_DATA: Final = ("application/json", "application/problem+json")
_QUALITY: Final = re.compile(r"[01]?(\.[0-9]*)?")  # `float` would also take nan, inf and 1e9


def prefers_html(accept: str) -> bool:
    """Say whether HTML is wanted more than JSON is; a tie, as in `*/*`, is for JSON.

    >>> prefers_html("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
    True
    >>> prefers_html("*/*"), prefers_html("text/html;q=0.5, application/json")
    (False, False)
    """
    wanted = dict(sorted(_ranges(accept)))  # of a range named twice, the higher quality
    return _quality("text/html", wanted) > max(_quality(kind, wanted) for kind in _DATA)


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.lower().split(","):
        media_range, *parameters = (piece.strip() for piece in part.split(";"))
        yield media_range, _given(parameters)


def _given(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return _number(value.strip())
    return 1.0


def _number(text: str) -> float:
    """Read a quality; what is none counts as unwanted, so that nonsense ends in JSON."""
    if not _QUALITY.fullmatch(text) or text in {"", "."}:
        return 0.0
    return min(float(text), 1.0)


def _quality(kind: str, wanted: Mapping[str, float]) -> float:
    """Find how much a media type is wanted; the most specific range that covers it says so."""
    covering = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    return next((wanted[media_range] for media_range in covering if media_range in wanted), 0.0)
