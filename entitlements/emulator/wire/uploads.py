"""Multipart forms, as files are uploaded by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from python_multipart import parse_form
from python_multipart.exceptions import FormParserError

from entitlements.emulator.wire.errors import invalid, missing_parameter
from entitlements.emulator.wire.forms import parse

if TYPE_CHECKING:
    from python_multipart.multipart import Field, File

    from entitlements.emulator.store import Json

__all__ = ["MULTIPART", "Upload", "Uploaded", "parse_upload"]

MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a form; two with the same name and digest are the same file."""

    filename: str
    digest: str
    body: bytes = field(repr=False)

    @classmethod
    def of(cls, filename: str, body: bytes) -> Upload:
        """Take a file's digest."""
        return cls(filename, hashlib.sha256(body).hexdigest(), body)


def parse_upload(content_type: str, body: bytes) -> Json:
    r"""Decode a multipart form; its files stand among its parameters as `Upload`.

    >>> form = b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\npci_document\r\n--x--\r\n'
    >>> parse_upload("multipart/form-data; boundary=x", form)
    {'purpose': 'pci_document'}
    """
    texts: list[tuple[str, str]] = []
    files: Json = {}

    def on_field(field: Field) -> None:
        texts.append((_text(field.field_name), _text(field.value)))

    def on_file(file: File) -> None:
        file.file_object.seek(0)
        files[_text(file.field_name)] = Upload.of(_text(file.file_name), file.file_object.read())
        file.close()

    headers = {"Content-Type": content_type.encode("latin-1", "replace"), "Content-Length": str(len(body)).encode()}
    try:
        parse_form(headers, BytesIO(body), on_field, on_file)
    except (FormParserError, ValueError) as error:
        raise invalid(f"Invalid request: the multipart form can't be read ({error}).") from error
    return {**parse(urlencode(texts)), **files}


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file, sent in a multipart form."""

    required: bool = False

    def read(self, name: str, raw: object) -> Upload:
        """Refuse what is no file, and an empty one."""
        if not isinstance(raw, Upload):
            raise invalid("Invalid file: send it as a part of a multipart/form-data request.", name)
        if not raw.body:
            raise missing_parameter(name) if not raw.filename else invalid("The uploaded file is empty.", name)
        return raw
