"""A kit for your own tests: sources, clocks and overrides, faults of the network, and contracts to keep.

Nothing is loaded before it is asked for: `import entitlements.testing` costs neither pytest nor requests.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from entitlements.sources.static import StaticSource
    from entitlements.testing.cache_contract import CacheContract, SharedCacheContract
    from entitlements.testing.emulated import EmulatedStripe
    from entitlements.testing.fault_proxy import FaultProxy
    from entitlements.testing.gate_contract import Ask, Endpoint, GateContract, Reply, Shop
    from entitlements.testing.manual_clock import ManualClock
    from entitlements.testing.overriding import OverrideOutsideTests, override
    from entitlements.testing.source_contract import SourceContract, SourceWorld

__all__ = [
    "Ask",
    "CacheContract",
    "EmulatedStripe",
    "Endpoint",
    "FaultProxy",
    "GateContract",
    "ManualClock",
    "OverrideOutsideTests",
    "Reply",
    "SharedCacheContract",
    "Shop",
    "SourceContract",
    "SourceWorld",
    "StaticSource",
    "override",
]

_HOMES: Final = {
    "Ask": "testing.gate_contract",
    "CacheContract": "testing.cache_contract",
    "EmulatedStripe": "testing.emulated",
    "Endpoint": "testing.gate_contract",
    "FaultProxy": "testing.fault_proxy",
    "GateContract": "testing.gate_contract",
    "ManualClock": "testing.manual_clock",
    "OverrideOutsideTests": "testing.overriding",
    "Reply": "testing.gate_contract",
    "SharedCacheContract": "testing.cache_contract",
    "Shop": "testing.gate_contract",
    "SourceContract": "testing.source_contract",
    "SourceWorld": "testing.source_contract",
    "StaticSource": "sources.static",
    "override": "testing.overriding",
}

if "pytest" in sys.modules:  # so that a promise that is broken says what was found instead
    sys.modules["pytest"].register_assert_rewrite(
        f"{__name__}.cache_contract", f"{__name__}.gate_contract", f"{__name__}.source_contract"
    )


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"entitlements.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
