"""Where a server is: a pair, or a URL of any scheme."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

from entitlements.errors import InvalidInput

if TYPE_CHECKING:
    from entitlements.testing.conversation import Address

__all__ = ["Target", "joined"]

_PORTS: Final = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}
_ADVICE: Final = "give (host, port), or a URL such as 'http://127.0.0.1:12111'"


class Target:
    """A server's address; a password in its URL is in nothing that is shown.

    >>> target = Target("redis://:secret@127.0.0.1/0")
    >>> target
    127.0.0.1:6379
    >>> target.url_at(("127.0.0.1", 7000))
    'redis://:secret@127.0.0.1:7000/0'
    """

    def __init__(self, target: tuple[str, int] | str) -> None:
        self._parts = _split(target if isinstance(target, str) else _url(target))
        host, port = self._parts.hostname, self._parts.port or _PORTS.get(self._parts.scheme)
        if not host or not port:
            raise InvalidInput(f"target is no address: {_ADVICE}")  # and isn't shown: it may hold a password
        self.host = host
        self.port = port

    def addresses(self) -> list[Address]:
        """Resolve the name, to all the addresses it has.

        Raises:
            OSError: it has none.
        """
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        return [(family, address) for family, _, _, _, address in found]

    def url_at(self, address: tuple[str, int]) -> str:
        """Give the URL with another address in it."""
        credentials, at, _ = self._parts.netloc.rpartition("@")
        return self._parts._replace(netloc=f"{credentials}{at}{joined(*address)}").geturl()

    def __repr__(self) -> str:
        return joined(self.host, self.port)


def joined(host: str, port: int) -> str:
    """Write an address as a URL does.

    >>> joined("::1", 6379)
    '[::1]:6379'
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _url(target: tuple[str, int]) -> str:
    try:
        host, port = target[:2]  # an IPv6 socket's own name has four parts
        return f"http://{joined(host, port)}"
    except (TypeError, ValueError):
        raise InvalidInput(f"target is {target!r:.60}: {_ADVICE}") from None


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # one out of range is noticed when it is read
    except ValueError:
        raise InvalidInput(f"target is no address: {_ADVICE}") from None
    return parts
