"""Terms: how a no is to be shown, as one gate says it or a whole application does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from entitlements.errors import InvalidSettings
from entitlements.stripe.ids import shown

__all__ = ["Terms", "checked_upgrade_url"]

_PAGE: Final = re.compile(r"""(?:https?://[a-zA-Z0-9\[]|/(?!/))[^\s\\"<>]*|/""")


@dataclass(frozen=True, slots=True)
class Terms:
    """Say how "not entitled" is shown; a don't-know is 503 whatever is said here, and nobody signed in 403.

    Attributes:
        status: instead of 402: 400 to 499.
        hide: answer 404, as if there were nothing there.
        upgrade_url: the page that sells: https://..., or a path of this site. Browsers are sent there.

    What is `None` is left to whoever says more: a gate's application, or the library.

    Raises:
        InvalidSettings: one of these can't be right, or both `status` and `hide=True` are given.

    >>> Terms(status=403).within(Terms(hide=False, upgrade_url="/pricing"))
    Terms(status=403, hide=False, upgrade_url='/pricing')
    """

    status: int | None = None
    hide: bool | None = None
    upgrade_url: str | None = None

    def __post_init__(self) -> None:
        if self.status is not None and not (_is_whole(self.status) and 400 <= self.status <= 499):  # noqa: PLR2004 - HTTP's
            raise InvalidSettings(f"status is {shown(self.status)}: give a refusal's, 400 to 499, as in status=403")
        if self.hide is not None and not isinstance(self.hide, bool):
            raise InvalidSettings(f"hide is {shown(self.hide)}: give True or False")
        if self.hide and self.status is not None:
            raise InvalidSettings(f"hide=True answers 404, and status={self.status} something else: give one of them")
        checked_upgrade_url(self.upgrade_url)

    @property
    def silent(self) -> bool:
        """Say whether nothing is said here."""
        return self.status is None and self.hide is None and self.upgrade_url is None

    def within(self, application: Terms) -> Terms:
        """Take from the application what isn't said here; a status said here is meant to be seen, so it hides nothing.

        >>> Terms(status=403).within(Terms(hide=True))
        Terms(status=403, hide=False, upgrade_url=None)
        """
        hide = application.hide if self.hide is None and self.status is None else bool(self.hide)
        status = application.status if self.status is None and not hide else self.status
        return Terms(status, hide, self.upgrade_url or application.upgrade_url)


def checked_upgrade_url(url: object) -> str | None:
    """Check the address of the upgrade page: http(s), or a path of this site.

    Raises:
        InvalidSettings: it is neither.

    >>> checked_upgrade_url("https://app.example/pricing")
    'https://app.example/pricing'
    >>> checked_upgrade_url("pricing")
    Traceback (most recent call last):
    ...
    entitlements.errors.InvalidSettings: upgrade_url is 'pricing': give an https:// address or a path, as in '/pricing'
    """
    if url is None:
        return None
    if isinstance(url, str) and url.isascii() and url.isprintable() and _PAGE.fullmatch(url):
        return url
    raise InvalidSettings(f"upgrade_url is {shown(url)}: give an https:// address or a path, as in '/pricing'")


def _is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)
