"""Where Stripe is: the base address, and whether it is this very machine."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from entitlements.errors import InvalidSettings
from entitlements.stripe.ids import shown
from entitlements.stripe.secret import NoSecret, Secret

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
    base, value = Secret.wrapped(value), None  # it may carry credentials, which no frame of a traceback is to show
    if not isinstance(base, Secret):
        rule = base.trouble if isinstance(base, NoSecret) else f"is {base}: give an address, such as {STRIPE!r}"
        raise InvalidSettings(f"api_base {rule}")
    if trouble := _trouble(base.reveal()):
        raise InvalidSettings(f"api_base {trouble}")
    return base.reveal().rstrip("/")


def _trouble(address: str) -> str | None:
    """Say what is wrong with an address, if anything is. Whatever goes wrong in here is said, never raised."""
    if any(mark in address for mark in "@?#"):  # even an empty query would swallow every path
        return "carries credentials, a query or a fragment; give scheme, host and port only"
    parts = _split(address) if address.isascii() and address.isprintable() and " " not in address else None
    if parts is None:
        return f"{shown(address)} is not an address; use one such as {STRIPE!r}"
    if parts.scheme not in {"http", "https"} or not _is_place(parts):
        return f"{shown(address)} is not an http address; use one such as {STRIPE!r}"
    if parts.scheme == "http" and not is_loopback(address):
        return f"{shown(address)} would send the API key in clear; use https://"
    return None


def is_loopback(base: str) -> bool:
    """Say whether an address is this machine's own: a test or the emulator, never Stripe.

    >>> is_loopback("http://127.0.0.1:12111"), is_loopback("https://api.stripe.com")
    (True, False)
    """
    parts = _split(base)
    host = (parts and parts.hostname) or ""
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


def _split(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        _ = parts.port  # a port out of range is noticed when it is read
    except ValueError:
        return None
    return parts
