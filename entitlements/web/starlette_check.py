"""What is checked before a Starlette application serves anything: that no route leads past a gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.audit import audit
from entitlements.errors import NotConfigured

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["check"]


def check(app: Starlette) -> None:
    """Check that every route of an application passes the gates that are on what answers it.

    A decorator above a route does nothing, and what reads as gated is open.

    Raises:
        NotConfigured: one doesn't; the message says where, and what to do.
    """
    for mistake in audit(app).mistakes:
        raise NotConfigured(
            f"{mistake.route}: {mistake.message}. If it is meant to be open, give it a function of its own"
        )
