"""Profiles: how much like the real Stripe, on a day like any other, the emulator behaves."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from entitlements.emulator.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from entitlements.emulator.faults import Faults
    from entitlements.emulator.webhook_faults import WebhookFaults

__all__ = ["REALISTIC", "Profile", "named"]


@dataclass(frozen=True, slots=True)
class Profile:
    """What happens to requests and webhooks though nobody asked for it.

    Attributes:
        limits: rate limits, None for none.
        mischief: the share of requests, and of webhooks, that each kind of fault strikes; 0 for none.
        latency: seconds every other answer takes.
        lag: seconds for which lists of entitlements may still show what was before a change.
        seed: the same one strikes the same requests, as long as they come in the same order.

    >>> Profile(mischief=0.01, seed=7).limits is None
    True
    """

    limits: Limits | None = None
    mischief: float = 0.0
    latency: float = 0.0
    lag: float = 0.0
    seed: int = 0

    def strike(self, faults: Faults) -> None:
        """Set its faults on requests."""
        if self.mischief:
            _strike(faults.sometimes(self.mischief, self.seed + number) for number in count())
        if self.lag:
            faults.sometimes(0.5, self.seed).lag(seconds=self.lag)  # by chance: some of Stripe's machines are behind
        if self.latency:
            faults.delay(self.latency)

    def strike_webhooks(self, faults: WebhookFaults) -> None:
        """Set its faults on webhooks."""
        if self.mischief:
            faults.sometimes(self.mischief, self.seed).delay(2.0)
            faults.sometimes(self.mischief, self.seed + 1).duplicate()
            faults.sometimes(self.mischief, self.seed + 2).reorder()
            faults.sometimes(self.mischief, self.seed + 3).drop()


def _strike(some: Iterator[Faults]) -> None:
    """Set a little of each fault, each with dice of its own."""
    next(some).delay(1.0)
    next(some).status(500, should_retry=True)
    next(some).status(500, should_retry=False)
    next(some).status(503)
    next(some).rate_limit(reason="endpoint-concurrency")
    next(some).lock_timeout("POST")
    next(some).reset()
    next(some).reset(when="after")
    next(some).half()
    next(some).drip(0.0005)
    next(some).empty_page()
    next(some).revoked_cursor()


REALISTIC = Profile(limits=Limits(), mischief=0.002, latency=0.03, lag=0.5)


def named(profile: Profile | str | None) -> Profile:
    """Give the profile of a name."""
    if isinstance(profile, Profile):
        return profile
    if profile not in {None, "realistic"}:
        raise ValueError(f"profile = {profile!r}: must be 'realistic', a Profile, or None for a Stripe without flaws")
    return Profile() if profile is None else REALISTIC
