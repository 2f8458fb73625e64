"""A kit for your own tests: faults of the network, and the contracts of what the library is built on.

Nothing is loaded before it is asked for: `import entitlements.testing` costs neither pytest nor requests.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from entitlements.testing.cache_contract import CacheContract, SharedCacheContract
    from entitlements.testing.fault_proxy import FaultProxy
    from entitlements.testing.gate_contract import Ask, Endpoint, GateContract, Reply, Shop
    from entitlements.testing.source_contract import SourceContract, SourceWorld

__all__ = [
    "Ask",
    "CacheContract",
    "Endpoint",
    "FaultProxy",
    "GateContract",
    "Reply",
    "SharedCacheContract",
    "Shop",
    "SourceContract",
    "SourceWorld",
]

_HOMES: Final = {
    "Ask": "gate_contract",
    "CacheContract": "cache_contract",
    "Endpoint": "gate_contract",
    "FaultProxy": "fault_proxy",
    "GateContract": "gate_contract",
    "Reply": "gate_contract",
    "SharedCacheContract": "cache_contract",
    "Shop": "gate_contract",
    "SourceContract": "source_contract",
    "SourceWorld": "source_contract",
}

if "pytest" in sys.modules:  # so that a promise that is broken says what was found instead
    sys.modules["pytest"].register_assert_rewrite(
        f"{__name__}.cache_contract", f"{__name__}.gate_contract", f"{__name__}.source_contract"
    )


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
