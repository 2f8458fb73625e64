"""What the application and its visitors agree on: the paths, the session's cookie, and who visits."""

from __future__ import annotations

from typing import Final

__all__ = ["ALICE", "BOB", "COST", "EXPORTS", "HOME", "SESSION", "WEBHOOK"]

HOME: Final = "/"
EXPORTS: Final = "/exports"
COST: Final = "/cost"
WEBHOOK: Final = "/stripe/webhook/"  # with the slash that Starlette's Mount would otherwise redirect to
SESSION: Final = "session"
ALICE: Final = "alice"  # on Free
BOB: Final = "bob"  # on Pro, and not seen by the application until Stripe is away
