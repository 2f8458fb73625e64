"""Signing secrets: rolled over, the old one in force beside the new for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entitlements.emulator.ids import new_id

if TYPE_CHECKING:
    from entitlements.emulator.store import Json, Transaction
    from entitlements.emulator.wire.routes import Call

__all__ = ["DAY", "in_force", "roll"]

DAY = 86_400  # as long as Stripe lets an old secret live at most

_ENDPOINT, _FORMER = "webhook_endpoint", "former_secret"


def roll(call: Call, name: str, overlap: int) -> str:
    """Give the endpoint with this id, URL or secret a new secret; the old one signs too, for `overlap` seconds."""
    endpoint = _find(call.tx, name)
    call.tx.add(
        _FORMER,
        {"id": new_id("former_"), "secret": endpoint["secret"], "until": call.now + overlap},
        parent=endpoint["id"],
    )
    return str(call.tx.put(_ENDPOINT, {**endpoint, "secret": new_id("whsec_", 32)})["secret"])


def _find(tx: Transaction, name: str) -> Json:
    for endpoint in tx.all(_ENDPOINT):
        if name in {endpoint["id"], endpoint["url"], endpoint["secret"]}:
            return endpoint
    raise LookupError(f"{name!r} is no endpoint's id, URL or secret; make one with webhook(url)")


def in_force(tx: Transaction, endpoint: Json, now: int) -> tuple[str, ...]:
    """List the secrets an event to an endpoint is signed with, the newest first."""
    former = tx.all(_FORMER, parent=endpoint["id"])
    return (endpoint["secret"], *(each["secret"] for each in reversed(former) if now < each["until"]))
