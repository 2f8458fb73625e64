"""A kit for your own tests: a Stripe that fails on request is in `entitlements.emulator`, a network that does is here.

Nothing is loaded before it is asked for: `import entitlements.testing` costs neither pytest nor requests.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from entitlements.testing.fault_proxy import FaultProxy

__all__ = ["FaultProxy"]

_HOME: Final = {"FaultProxy": "fault_proxy"}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
