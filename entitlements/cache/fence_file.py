"""The fence table as a file, so that every process of this host sees one table.

The file is allocated whole before it is mapped, and never truncated, unlinked or renamed by us: a hole or a missing end
is a fatal signal to whoever reads it. What somebody else does to it is noticed, see `FileFences.replaced`.
"""

from __future__ import annotations

import errno
import mmap
import os
import threading
from typing import TYPE_CHECKING, Final
from weakref import WeakMethod

from entitlements.boot import this_boot
from entitlements.cache.fences import IDENTITY, SIZE, Fences
from entitlements.cache.private_files import check_file, lock, open_directory, unlock
from entitlements.errors import InvalidSettings
from entitlements.forks import wait_before_fork

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FenceFile", "FileFences"]

_NAME: Final = "fences"
_LAYOUT: Final = 1  # of the words in `fences`
_MAGIC: Final = b"fences"
# One word says whose file this is and how it is laid out, so that there is no half of it.
_MARK: Final = int.from_bytes(_MAGIC + _LAYOUT.to_bytes(2, "little"), "little")
_MARK_AT: Final = IDENTITY
_BOOT_AT: Final = IDENTITY + 1
_PATIENCE: Final = 10.0  # seconds; preparing takes some milliseconds, unless somebody stopped that process


class FenceFile:
    """A directory's fence table, checked, prepared for this boot and mapped.

    Attributes:
        path: where it is.
        memory: the map.

    Raises:
        InvalidSettings: it can't be had, or isn't ours. Nothing was changed then.
    """

    def __init__(self, directory: str, boot: int) -> None:
        self.path: Final = os.path.join(directory, _NAME)  # noqa: PTH118 - see `private_files`
        self._boot = boot
        folder = open_directory(directory)
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            fd = os.open(_NAME, flags, 0o600, dir_fd=folder)
        except OSError as error:
            linked = error.errno == errno.ELOOP
            rule = "is a symbolic link: remove it" if linked else f"can't be opened ({error.strerror}): mend that"
            raise self._refused(rule) from error
        finally:
            os.close(folder)
        try:
            lock(fd, patience=_PATIENCE)  # two that open it at once must not both prepare it
            self._claim(fd)
        except OSError as error:
            raise self._refused(f"can't be prepared ({error.strerror or error}): mend that") from error
        finally:
            unlock(fd)  # the map holds it open
            os.close(fd)

    def replaced(self) -> bool:
        """Say whether the path leads to another file by now, to none, or to one that was cut."""
        return self._found() != (*self._identity, SIZE)

    def cut(self) -> bool:
        """Say whether some of the map has no file behind it any more."""
        *identity, size = self._found()
        return tuple(identity) == self._identity and size < SIZE

    def _found(self) -> tuple[int, int, int]:
        try:
            found = os.lstat(self.path)
        except OSError:
            return (0, 0, 0)
        return (found.st_dev, found.st_ino, found.st_size)

    # --- opening -----------------------------------------------------------------------------------------------------

    def _claim(self, fd: int) -> None:
        found = os.fstat(fd)
        check_file(found, self.path)
        self._check_size(fd, found.st_size)
        if found.st_blocks * 512 < SIZE:
            _allocate(fd, found.st_size)
        memory = mmap.mmap(fd, SIZE)
        words = memoryview(memory).cast("Q")
        try:
            self._prepare(words)
        except InvalidSettings:
            words.release()  # a map with views can't be closed
            memory.close()
            raise
        words.release()
        self.memory = memory
        self._identity = (found.st_dev, found.st_ino)

    def _check_size(self, fd: int, size: int) -> None:
        # A short file with nothing in it was being made when its maker was killed.
        if size > SIZE or (size < SIZE and any(os.pread(fd, size, 0))):
            raise self._refused(f"has {size:,} bytes instead of {SIZE:,}: it was cut, or is no fence table. Remove it")

    def _prepare(self, words: memoryview[int]) -> None:
        """Have the table say only what was said during this boot."""
        if words[_MARK_AT] != _MARK:
            self._check_blank(words)
            words[_MARK_AT] = _MARK
        if words[_BOOT_AT] == self._boot:
            return
        # The boot comes last: who is killed before that leaves a table that the next one clears.
        words[:IDENTITY] = _nothing(IDENTITY)
        words[_BOOT_AT + 1 :] = _nothing(len(words) - _BOOT_AT - 1)
        words[_BOOT_AT] = self._boot

    def _check_blank(self, words: memoryview[int]) -> None:
        mark = words[_MARK_AT]
        if mark % 2**48 == _MARK % 2**48:
            raise self._refused(
                f"is laid out by version {mark >> 48}, and this release reads version {_LAYOUT}: run the two releases "
                "on two directories, and remove it when the other has gone"
            )
        if words.tobytes() != bytes(SIZE):
            raise self._refused("is no fence table of this library: remove it if nobody needs it")

    def _refused(self, rule: str) -> InvalidSettings:
        return InvalidSettings(f"{self.path} {rule}, or give shared_path another directory")


def _allocate(fd: int, size: int) -> None:
    try:
        os.posix_fallocate(fd, 0, SIZE)
    except AttributeError:  # a system without it
        pass
    except OSError as error:  # a file system without it
        if error.errno not in {errno.EINVAL, errno.EOPNOTSUPP}:
            raise
    else:
        return
    if size < SIZE:
        os.pwrite(fd, bytes(SIZE - size), size)


def _nothing(words: int) -> memoryview[int]:
    return memoryview(bytes(words * 8)).cast("Q")


class FileFences(Fences):
    """A table that every process of this host shares under the name of a directory."""

    def __init__(
        self,
        directory: str,
        *,
        boot: int | None = None,
        wall: Callable[[], float] | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._directory = directory
        self._boot = this_boot() if boot is None else boot
        self._file = FenceFile(self._directory, self._boot)
        self._followers: list[WeakMethod[Callable[[], object]]] = []
        self._moving = threading.RLock()
        wait_before_fork(self._moving)
        super().__init__(self._file.memory, wall=wall, entropy=entropy)

    def replaced(self) -> bool:
        """Say whether others who look for this table by now find another one: somebody removed or replaced the file.

        Some microseconds. Ask before a change is acknowledged, and before the token is noted for a fetch: then whoever
        was left on the old table, where everything has fallen, moves on with its next fetch. And ask now and then:
        processes that begin a new table can't clear one that they never knew.
        """
        return self._file.replaced()

    def fall(self) -> None:
        """Void whatever rests on a table that was replaced, and wait for nobody."""
        if not self._moving.acquire(blocking=False):
            return  # whoever moves does this first of all
        try:
            if self.replaced() and not self._file.cut():
                self.raise_all()
        finally:
            self._moving.release()

    def reattach(self) -> None:
        """Move to the table that others find, if this was replaced.

        Raises:
            InvalidSettings: what is there now isn't acceptable. The old table is cleared all the same.
        """
        with self._moving:
            if not self.replaced():
                return
            # First of all: others are still on the old table, and will hear of nothing that is raised in the new one.
            # With every stripe at zero they fetch, and find out. Where the file was cut, writing would be fatal.
            if not self._file.cut():
                self.raise_all()
            self._file = FenceFile(self._directory, self._boot)
            self._adopt(self._file.memory)
            for follower in self._followers:
                if told := follower():
                    told()
            # Last: a raise that was under way went to the old table, and this one may lack what that one knew.
            self.raise_all()

    def on_move(self, told: Callable[[], object]) -> None:
        """Have a bound method called when `tokens` has become another view; its object isn't kept alive by that.

        Ask for this before you read `tokens`, so that no move is missed. The method mustn't wait for anything.
        """
        with self._moving:
            self._followers = [*(follower for follower in self._followers if follower()), WeakMethod(told)]
