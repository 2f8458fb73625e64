"""The environment without Stripe's variables: a developer's own key has no business in a test."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["without_stripe_s_variables"]

_VARIABLES: Final = ("STRIPE_ACCOUNT", "STRIPE_API_BASE", "STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET")


@contextmanager
def without_stripe_s_variables() -> Generator[None]:
    """Take the variables that an instance reads out of the environment while one is made."""
    kept = {name: os.environ.pop(name) for name in _VARIABLES if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)
