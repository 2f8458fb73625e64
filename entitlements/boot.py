"""This boot of the machine: its name, by which files and freshness tokens of an earlier one are known."""

from __future__ import annotations

import os
from functools import cache

__all__ = ["this_boot"]


@cache
def this_boot() -> int:
    """Name this boot in 64 bits, never 0.

    Two processes whose boot clocks differ find two names: containers may have a time of their own. Where the system
    names no boot, every process names its own (and its forks' with it), and so takes whatever it finds for something
    from before a reboot: that costs fetches, never a wrong answer.
    """
    from hashlib import blake2b  # noqa: PLC0415 - it loads OpenSSL, which whoever only imports us can do without

    return int.from_bytes(blake2b(_name(), digest_size=8).digest(), "little") or 1


def _name() -> bytes:
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:  # noqa: PTH123 - pathlib costs what we all cost
            return file.read() + _time_namespace()
    except OSError:
        return _session() or os.urandom(16)


def _time_namespace() -> bytes:
    try:
        return os.readlink(b"/proc/self/ns/time")  # noqa: PTH115 - a path of the system's
    except OSError:
        return b""  # a system without them


def _session() -> bytes:  # pragma: no cover - macOS; kern.boottime won't do, it moves when the clock is set
    import ctypes  # noqa: PLC0415 - nobody else needs it

    text, size = ctypes.create_string_buffer(64), ctypes.c_size_t(64)
    try:
        failed = ctypes.CDLL(None).sysctlbyname(b"kern.bootsessionuuid", text, ctypes.byref(size), None, 0)
    except (OSError, AttributeError):
        return b""
    return b"" if failed else text.raw[: size.value]
