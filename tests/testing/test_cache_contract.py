"""Every cache of ours keeps the shipped contract."""

from __future__ import annotations

import pytest

from entitlements import Entitlements
from entitlements.cache import fences
from entitlements.testing.cache_contract import CacheContract, SharedCacheContract


class TestMemory(CacheContract):
    """The cache of a process that shares nothing but its fences with its forks."""

    @pytest.fixture
    def start(self):
        """Start a process that rests on memory."""
        return lambda source, clock, freshness, limits: Entitlements(
            source=source, clock=clock, freshness=freshness, limits=limits
        )


class TestHost(SharedCacheContract):
    """The cache that the processes of a host share at a path."""

    @pytest.fixture
    def start(self, tmp_path):
        """Start a process that maps the directory's files for itself."""

        def start(source, clock, freshness, limits):
            fences._at.clear()
            return Entitlements(
                source=source, clock=clock, freshness=freshness, limits=limits, shared_path=tmp_path / "shared"
            )

        return start
