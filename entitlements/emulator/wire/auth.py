"""Keys, whose account they open: any test key opens the emulator's own, a live key none."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from entitlements.emulator.store import DEFAULT_ACCOUNT
from entitlements.emulator.wire.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["account_of", "check_key", "is_live", "key_of", "presented"]


def is_live(key: str) -> bool:
    """Tell a live key, of whatever kind.

    >>> is_live("rk_live_1"), is_live("sk_test_1")
    (True, False)
    """
    return "_live_" in key.lower()


def presented(authorization: str) -> str:
    """Read the key from an Authorization header: a bearer token, or the user of basic auth."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        user, _, password = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return password if is_live(password) else user  # wherever a live key stands, it is seen, and refused


def check_key(key: str) -> None:
    """Let a secret or restricted test key pass."""
    if not key:
        raise ApiError(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
    if is_live(key):
        raise _live()
    if key.startswith("pk_"):
        message = "This API call cannot be made with a publishable API key. Please use a secret API key."
        raise ApiError(401, message, code="secret_key_required")
    if not re.fullmatch("[sr]k_test_.+", key):
        raise _no_key(key)


def _live() -> ApiError:
    return ApiError(
        401,
        "This is a local emulator of Stripe and it refuses live keys. Use a test key such as sk_test_emulator, "
        "roll the live key if this request could have been seen, and check which address it is meant for.",
    )


def _no_key(key: str) -> ApiError:
    return ApiError(401, f"Invalid API Key provided: {key[:7]}{'*' * max(0, len(key) - 7)}")


def key_of(account: str) -> str:
    """Give the key of a connected account.

    >>> key_of("acct_team")
    'sk_test_acct_team'
    """
    return f"sk_test_{account}"


def account_of(key: str, wanted: str | None, exists: Callable[[str], bool]) -> str:
    """Name the account a request is for: the key's own, or the one that a platform's request names."""
    own = _own(key, exists)
    if not wanted or wanted == own:
        return own
    if is_live(wanted):
        raise _live()
    if own != DEFAULT_ACCOUNT or not exists(wanted):
        message = (
            f"The provided key '{key[:7]}{'*' * max(0, len(key) - 11)}{key[7:][-4:]}' does not have access to account "
            f"'{wanted}' (or that account does not exist). Application access may have been revoked."
        )
        raise ApiError(403, message, code="account_invalid")
    return wanted


def _own(key: str, exists: Callable[[str], bool]) -> str:
    named = re.fullmatch("[sr]k_test_(acct_.+)", key)
    if named is None or named[1] == DEFAULT_ACCOUNT:
        return DEFAULT_ACCOUNT
    if not exists(named[1]):
        raise _no_key(key)
    return named[1]
