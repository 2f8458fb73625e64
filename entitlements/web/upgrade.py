"""Where a customer goes to buy what is missing: the link to the application's own upgrade page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["local_target", "upgrade_link"]

_LONGEST_TARGET: Final = 2_000  # a Location beyond some thousand characters is refused by proxies on its way
_QUERY: Final = "!$&'()*+,;=:@/?-._~%"


def upgrade_link(url: str, features: Iterable[str], *, back_to: str | None = None) -> str:
    """Add to the upgrade page's address what is missing, and where to return to.

    >>> upgrade_link("/pricing?ref=app#plans", ["exports"], back_to="/report?y=1")
    '/pricing?ref=app&feature=exports&next=%2Freport%3Fy%3D1#plans'
    """
    pairs = [("feature", feature) for feature in features]
    if back_to is not None:
        pairs.append(("next", back_to))
    page, hashed, fragment = url.partition("#")
    joint = "?" if "?" not in page else "" if page.endswith(("?", "&")) else "&"
    return f"{page}{joint}{urlencode(pairs)}{hashed}{fragment}"


def local_target(path: str, query: str) -> str | None:
    r"""Write the request's own path and query as an address that can't lead to another site; `None` if it might.

    Browsers read `//evil.example` and `/\evil.example` as another host, and drop tabs and line ends before they look.

    >>> local_target("/report", "year=2024")
    '/report?year=2024'
    >>> local_target("//evil.example/x", "") is None
    True
    """
    if not path.startswith("/") or path[1:2] in {"/", "\\"} or not path.isprintable():
        return None
    target = quote(path, errors="replace") + (f"?{quote(query, safe=_QUERY, errors='replace')}" if query else "")
    return target if len(target) <= _LONGEST_TARGET else None
