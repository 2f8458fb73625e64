"""Files: uploaded, or made by a scheduled query, and what they hold."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from entitlements.emulator import events
from entitlements.emulator.ids import new_id
from entitlements.emulator.store import Filter
from entitlements.emulator.wire.errors import invalid, no_such
from entitlements.emulator.wire.lists import PAGE, bounds, listed, page
from entitlements.emulator.wire.params import Choice, Fields, Flag, Metadata, Moment, Range
from entitlements.emulator.wire.routes import Call, Contents, Route
from entitlements.emulator.wire.uploads import Uploaded

if TYPE_CHECKING:
    from entitlements.emulator.store import Json
    from entitlements.emulator.wire.params import Spec

__all__ = ["ROUTES", "add", "keep", "load", "rendered"]

_KIND = "file"
_UPLOADED = (
    "account_requirement",
    "additional_verification",
    "business_icon",
    "business_logo",
    "customer_signature",
    "dispute_evidence",
    "identity_document",
    "issuing_regulatory_reporting",
    "pci_document",
    "platform_terms_of_service",
    "tax_document_user_upload",
    "terminal_android_apk",
    "terminal_reader_splashscreen",
    "terminal_wifi_certificate",
    "terminal_wifi_private_key",
)
_MADE = (
    "document_provider_identity_document",
    "finance_report_run",
    "financial_account_statement",
    "identity_document_downloadable",
    "selfie",
    "sigma_scheduled_query",
)
_MEDIA = {"csv": "text/csv", "jpg": "image/jpeg", "pdf": "application/pdf", "png": "image/png"}
_TYPES = {"jpeg": "jpg"}


def upload(call: Call) -> Json:
    if call.params.get("file_link_data", {}).get("create"):
        raise invalid("This emulator makes no file links; upload the file without file_link_data.", "file_link_data")
    sent = call.params["file"]
    return add(call, sent.body, purpose=call.params["purpose"], filename=sent.filename or None)


def add(  # noqa: PLR0913 - what a file has
    call: Call,
    body: bytes,
    *,
    purpose: str,
    filename: str | None,
    title: str | None = None,
    expires_at: int | None = None,
) -> Json:
    """Keep a new file with what it holds, and tell of it."""
    file_id = new_id("file_1", 23)
    suffix = PurePath(filename or "").suffix.lstrip(".").lower()
    file: Json = {
        "id": file_id,
        "object": _KIND,
        "created": call.now,
        "expires_at": expires_at,
        "filename": filename,
        "links": listed(f"/v1/file_links?file={file_id}", []),
        "purpose": purpose,
        "size": len(body),
        "title": title,
        "type": _TYPES.get(suffix, suffix) or None,
        "url": None,
    }
    keep(call, file, body)
    events.emit(call, "file.created", rendered(call, file))
    return rendered(call, file)


def keep(call: Call, file: Json, body: bytes) -> None:
    """Keep a file and what it holds."""
    call.tx.add(_KIND, file)
    call.tx.sql("INSERT INTO contents (file, body) VALUES (?, ?)", (file["id"], body))


def rendered(call: Call, file: Json) -> Json:
    """Write a file with the address its contents have here."""
    return {**file, "url": f"{call.base()}/v1/files/{file['id']}/contents"}


def load(call: Call, file_id: str) -> Json:
    """Fetch a file."""
    file = call.tx.get(_KIND, file_id)
    if file is None:
        raise no_such(_KIND, file_id)
    return file


def retrieve(call: Call) -> Json:
    return rendered(call, load(call, call.ids["file"]))


def contents(call: Call) -> Contents:
    file = load(call, call.ids["file"])
    found = call.tx.sql("SELECT body FROM contents WHERE file = ?", (file["id"],)).fetchone()
    if found is None or (file["expires_at"] is not None and file["expires_at"] <= call.now):
        raise no_such(_KIND, file["id"])
    return Contents(found[0], _MEDIA.get(file["type"] or "", "application/octet-stream"))


def list_files(call: Call) -> Json:
    filters = bounds("created", call.params.get("created"))
    if "purpose" in call.params:
        filters.append(Filter.field("purpose", call.params["purpose"]))
    return page(call, _KIND, _KIND, lambda file: rendered(call, file), filters)


_LINK = Fields({"create": Flag(required=True), "expires_at": Moment(), "metadata": Metadata()})
_UPLOAD: Spec = {
    "file": Uploaded(required=True),
    "file_link_data": _LINK,
    "purpose": Choice(_UPLOADED, required=True),
}
_LIST: Spec = {**PAGE, "created": Range(), "purpose": Choice((*_UPLOADED, *_MADE))}

ROUTES = (
    Route("POST", "/v1/files", upload, _UPLOAD),
    Route("GET", "/v1/files", list_files, _LIST),
    Route("GET", "/v1/files/{file}", retrieve),
    Route("GET", "/v1/files/{file}/contents", contents, expands=False),
)
