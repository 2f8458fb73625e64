"""Stripe's objects as they come over the wire, and lists of them in pages, for the scripted server."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from wire_server import Answer, page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wire_server import Act, Seen

__all__ = ["CERTIFICATE", "entitlement", "entitlements", "feature", "missing", "paged", "tls"]

CERTIFICATE = Path(__file__).with_name("wire_cert.pem")  # for 127.0.0.1, signed by itself, good for a hundred years


def tls() -> ssl.SSLContext:
    """Serve with a certificate that nobody trusts unless told to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, CERTIFICATE.with_name("wire_key.pem"))
    return context


def feature(number: int = 1, **changes: object) -> dict[str, object]:
    return {
        "id": f"feat_{number}",
        "object": "entitlements.feature",
        "active": True,
        "livemode": False,
        "lookup_key": f"key-{number}",
        "metadata": {},
        "name": f"Feature {number}",
        **changes,
    }


def entitlement(number: int = 1, **changes: object) -> dict[str, object]:
    return {
        "id": f"ent_{number}",
        "object": "entitlements.active_entitlement",
        "feature": f"feat_{number}",
        "livemode": False,
        "lookup_key": f"key-{number}",
        **changes,
    }


def entitlements(count: int) -> list[dict[str, object]]:
    return [entitlement(number) for number in range(count)]


def missing(what: str, param: str, *, status: int = 400) -> Answer:
    error = {"type": "invalid_request_error", "code": "resource_missing", "message": f"No such {what}", "param": param}
    return Answer({"error": error}, status=status, headers={"Request-Id": "req_missing"})


def paged(items: Sequence[dict[str, object]]) -> Callable[[Seen], Act]:
    """Answer as a list does: newest first, `limit` of them, those after the cursor."""

    def answer(seen: Seen) -> Act:
        ids = [each["id"] for each in items]
        start = ids.index(seen.query["starting_after"]) + 1 if "starting_after" in seen.query else 0
        end = start + int(seen.query.get("limit", "10"))
        body = page(*items[start:end], has_more=end < len(items), url=seen.path)
        return Answer(body, headers={"Request-Id": f"req_{start}"})

    return answer
