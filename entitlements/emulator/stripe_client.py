"""An HTTP client for the official `stripe` package that reaches the emulator without a port."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import stripe
from requests.structures import CaseInsensitiveDict

from entitlements.emulator.requests_adapter import EmulatorAdapter
from entitlements.emulator.wire.http import Http

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from entitlements.emulator.in_process import Passage

__all__ = ["EmulatorClient"]

_TIMEOUT = 80.0  # as the official client's


class EmulatorClient(stripe.RequestsClient):
    """Send everything to an emulator of this process, whatever the host: sync as `requests` would, and async."""

    name = "emulator"

    def __init__(self, passage: Passage, timeout: float = _TIMEOUT) -> None:
        session = requests.Session()
        for scheme in ("https://", "http://"):
            session.mount(scheme, EmulatorAdapter(passage))
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - typed in part
            timeout=timeout, session=session, verify_ssl_certs=False
        )
        self._passage = passage
        self._patience = timeout

    async def request_async(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        post_data: Any = None,  # noqa: ANN401 - as `stripe` has it
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Make a request from a running loop."""
        parts = urlsplit(url)
        names = {name.lower(): value for name, value in headers.items()}
        body = post_data.encode() if isinstance(post_data, str) else bytes(post_data or b"")
        http = Http(method.upper(), parts.path, parts.query, names, body)
        try:
            reply = await self._passage.aask(http, self._patience)
        except (TimeoutError, ConnectionError) as error:
            raise _lost(f"{type(error).__name__}: {error}") from error
        if reply.way == "half":
            raise _lost(f"IncompleteRead: {len(reply.body) // 2} of {len(reply.body)} bytes read")
        return reply.body, reply.status, CaseInsensitiveDict(reply.headers)

    async def request_stream_async(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        post_data: Any = None,  # noqa: ANN401 - as `stripe` has it
    ) -> tuple[AsyncIterator[bytes], int, Mapping[str, str]]:
        """Make a request from a running loop, to read its answer in pieces."""
        body, status, received = await self.request_async(method, url, headers, post_data)

        async def pieces() -> AsyncIterator[bytes]:
            yield body

        return pieces(), status, received

    async def sleep_async(self, secs: float) -> None:
        """Wait before a retry."""
        await asyncio.sleep(secs)

    async def close_async(self) -> None:
        """Let go of the session."""
        self.close()  # type: ignore[no-untyped-call]  # stripe's own


def _lost(reason: str) -> stripe.APIConnectionError:
    message = f"Unexpected error communicating with Stripe. ({reason})"
    return stripe.APIConnectionError(message, should_retry=True)  # type: ignore[no-untyped-call]  # stripe's own
