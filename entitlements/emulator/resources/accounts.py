"""Connected accounts: made from Python only, as Stripe's own onboarding is out of reach here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entitlements.emulator.wire.routes import Call

__all__ = ["connect"]

_KIND = "account"


def connect(call: Call, account: str) -> None:
    """Connect an account to the platform, unless it is connected already."""
    if call.tx.get(_KIND, account) is None:
        call.tx.add(_KIND, {"id": account, "object": "account"})
