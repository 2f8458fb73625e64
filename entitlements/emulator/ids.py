"""Ids in Stripe's shapes."""

from __future__ import annotations

import secrets
import string

__all__ = ["new_id"]

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 14) -> str:
    """Make an id that was never given before.

    >>> new_id("cus_").startswith("cus_")
    True
    """
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))
