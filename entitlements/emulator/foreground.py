"""The emulator in the foreground, for a command line: until Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from entitlements.emulator.emulator import DEFAULT_KEY, StripeEmulator

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path
    from types import FrameType

    from entitlements.emulator.profile import Profile

__all__ = ["serve"]

_STOPPING = (signal.SIGINT, signal.SIGTERM)


def serve(  # noqa: PLR0913 - what a command line offers
    port: int = 0,
    db: str | Path | None = None,
    catalog: str | Path | Mapping[str, object] | None = None,
    *,
    announce: Callable[[str, str, str | None], object],
    api_key: str = DEFAULT_KEY,
    webhook: str | None = None,
    profile: Profile | str | None = None,
) -> None:
    """Run the emulator until SIGINT or SIGTERM; must be called in the main thread.

    Args:
        port: the loopback port; 0 lets the system choose.
        db: a SQLite file that keeps everything across restarts.
        catalog: a TOML file's path, or a dict.
        announce: called with the URL, the API key and the webhook secret (None without `webhook`) once it serves.
        api_key: the test key to hand out.
        webhook: a URL to send every event to.
        profile: `"realistic"` for Stripe's rate limits and a little of each fault, or a `Profile` of one's own.

    Raises:
        LiveKeyError, CatalogError, StoreError: as `StripeEmulator` does.
        OSError: the port is taken.

    >>> import signal
    >>> def announce(url, key, secret):
    ...     print("point your client at the address, with the key", key)
    ...     signal.raise_signal(signal.SIGTERM)
    >>> serve(announce=announce)
    point your client at the address, with the key sk_test_emulator
    """
    with _until_told() as told, StripeEmulator(port, db, catalog, api_key=api_key, profile=profile) as emulator:
        secret = None if webhook is None else emulator.webhook(webhook)
        announce(emulator.url, emulator.api_key, secret)
        told.wait()


@contextmanager
def _until_told() -> Generator[threading.Event]:
    told = threading.Event()

    def tell(_number: int, _frame: FrameType | None) -> None:
        told.set()

    before = {number: signal.signal(number, tell) for number in _STOPPING}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
