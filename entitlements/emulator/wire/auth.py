"""Keys: any test key opens the emulator, a live key never does."""

from __future__ import annotations

import base64
import binascii

from entitlements.emulator.wire.errors import ApiError

__all__ = ["check_key", "is_live", "presented"]


def is_live(key: str) -> bool:
    """Tell a live key, of whatever kind.

    >>> is_live("rk_live_1"), is_live("sk_test_1")
    (True, False)
    """
    return "_live_" in key


def presented(authorization: str) -> str:
    """Read the key from an Authorization header: a bearer token, or the user of basic auth."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def check_key(key: str) -> None:
    """Let a secret or restricted test key pass."""
    if not key:
        raise ApiError(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
    if is_live(key):
        raise ApiError(
            401,
            "This is a local emulator of Stripe and it refuses live keys. Use a test key such as sk_test_emulator, "
            "roll the live key if this request could have been seen, and check which address it is meant for.",
        )
    if key.startswith("pk_"):
        message = "This API call cannot be made with a publishable API key. Please use a secret API key."
        raise ApiError(401, message, code="secret_key_required")
    if not key.startswith(("sk_test_", "rk_test_")):
        raise ApiError(401, f"Invalid API Key provided: {key[:7]}{'*' * max(0, len(key) - 7)}")
