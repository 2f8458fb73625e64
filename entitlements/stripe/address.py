"""Where Stripe is: the base address, and whether it is this very machine."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from entitlements.errors import InvalidSettings
from entitlements.stripe.ids import shown

__all__ = ["STRIPE", "is_loopback", "usable_base"]

STRIPE: Final = "https://api.stripe.com"
# What stands in and around brackets is read in one way here and in another there; one plain form is left.
_PLACE: Final = re.compile(r"(?:\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]|[^\[\]:]+)(?::[0-9]*)?")
_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")


def usable_base(value: object) -> str:
    """Check a base address: https, or http to this machine only, since the API key travels to it.

    >>> usable_base("http://localhost:12111/")
    'http://localhost:12111'
    >>> usable_base("http://api.stripe.com")
    Traceback (most recent call last):
    ...
    entitlements.errors.InvalidSettings: api_base 'http://api.stripe.com' would send the API key in clear; use https://
    """
    address = str.__str__(value) if isinstance(value, str) else " "  # an enum's member is the text it holds
    if not address.isascii() or not address.isprintable() or " " in address:
        raise InvalidSettings(f"api_base {shown(value)} is not an address; use one such as {STRIPE!r}")
    if any(mark in address for mark in "@?#"):  # even an empty query would swallow every path
        raise InvalidSettings("api_base carries credentials, a query or a fragment; give scheme, host and port only")
    parts = _split(address)
    if parts.scheme not in {"http", "https"} or not _is_place(parts):
        raise InvalidSettings(f"api_base {shown(value)} is not an http address; use one such as {STRIPE!r}")
    if parts.scheme == "http" and not is_loopback(address):
        raise InvalidSettings(f"api_base {shown(value)} would send the API key in clear; use https://")
    return address.rstrip("/")


def is_loopback(base: str) -> bool:
    """Say whether an address is this machine's own: a test or the emulator, never Stripe.

    >>> is_loopback("http://127.0.0.1:12111"), is_loopback("https://api.stripe.com")
    (True, False)
    """
    host = _split(base).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    ip = _ip(host)
    return ip is not None and ip.is_loopback


def _is_place(parts: SplitResult) -> bool:
    return bool(_PLACE.fullmatch(parts.netloc)) and parts.port != 0 and _is_host(parts.hostname or "")


def _is_host(host: str) -> bool:
    if ":" in host:
        return _ip(host) is not None
    return all(_LABEL.fullmatch(label) for label in host.removesuffix(".").split("."))


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port  # a port out of range is noticed when it is read
    except ValueError:
        reason = f"api_base {shown(value)} is not an address; use one such as {STRIPE!r}"
    else:
        return parts
    raise InvalidSettings(reason)
