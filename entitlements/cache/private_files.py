"""Files that belong to this user alone: opened in a way that shows it, or refused."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import Final

from entitlements.clocks import Deadline
from entitlements.errors import InvalidSettings

__all__ = ["check_file", "lock", "open_directory", "real_path", "unlock"]

_PAUSE: Final = 0.001  # seconds between two tries


def real_path(directory: str | os.PathLike[str]) -> str:
    """Find the one name of a directory; it is made and checked as by `open_directory`."""
    named = os.path.abspath(directory)  # noqa: PTH100 - pathlib has no calls with `dir_fd`, so all here are os's
    os.close(open_directory(named))
    return os.path.realpath(named)


def open_directory(directory: str) -> int:
    """Open a directory, for calls that take `dir_fd`; make it if it isn't there.

    Nobody but this user adds, removes or renames anything in it, so what was checked once stays as it was.

    Raises:
        InvalidSettings: it can't be had, isn't a directory, or others may write in it.
    """
    if os.name != "posix":  # pragma: no cover - Windows
        raise InvalidSettings("shared_path doesn't work on this system, which lacks POSIX's files: leave it out")
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o700)  # noqa: PTH102 - see `real_path`
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"shared_path {directory!r} {_trouble(directory, error)}") from error
    try:
        _check_directory(os.fstat(fd), directory)
    except InvalidSettings:
        os.close(fd)
        raise
    return fd


def _trouble(directory: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "can't be made, since its parent isn't there: make that, or name another directory"
    if os.path.islink(directory):  # noqa: PTH114 - see `real_path`
        return "is a symbolic link, which somebody may point elsewhere: name the directory itself"
    if isinstance(error, NotADirectoryError):
        return "is no directory: name one"
    reason = error.strerror if isinstance(error, OSError) else error
    return f"can't be opened ({reason}): name a directory on a local disk that this user may write in"


def _check_directory(found: os.stat_result, directory: str) -> None:
    if found.st_uid != os.geteuid():
        raise InvalidSettings(
            f"shared_path {directory!r} belongs to user {found.st_uid}, and this process runs as user {os.geteuid()}: "
            "name a directory of this user's own"
        )
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise InvalidSettings(
            f"shared_path {directory!r} may be written in by others (its mode is {stat.S_IMODE(found.st_mode):04o}): "
            "chmod it to 0700"
        )


def check_file(found: os.stat_result, path: str) -> None:
    """Check that a file is one, under one name, and this user's alone.

    Raises:
        InvalidSettings: it isn't.
    """
    if not stat.S_ISREG(found.st_mode):
        rule = "is no regular file, so it may lead anywhere: remove it"
    elif found.st_uid != os.geteuid():
        rule = f"belongs to user {found.st_uid}, and this process runs as user {os.geteuid()}: remove it"
    elif found.st_nlink != 1:
        rule = f"has {found.st_nlink} names, so that others may reach it by another: remove it"
    elif found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        rule = f"may be used by others (its mode is {stat.S_IMODE(found.st_mode):04o}): chmod it to 0600"
    else:
        return
    raise InvalidSettings(f"{path} {rule}, or give shared_path another directory")


def lock(fd: int, *, shared: bool = False, patience: float) -> None:
    """Lock an open file or directory, for all that have it open and ask; with others if `shared`.

    Raises:
        TimeoutError: it wasn't free within `patience` seconds.
    """
    import fcntl  # noqa: PLC0415 - Windows has none, and is refused with a better word

    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    until: Deadline | None = None
    while True:
        try:
            fcntl.flock(fd, how)
        except BlockingIOError:
            until = until or Deadline.after(patience)
            if until.passed:
                raise TimeoutError(f"another process kept it locked for {patience:g} s") from None
            time.sleep(_PAUSE)
        else:
            return


def unlock(fd: int) -> None:
    """Let others have it.

    Said aloud, since closing won't do: a map of the file, or a forked child, may still have it open.
    """
    import fcntl  # noqa: PLC0415 - see `lock`

    fcntl.flock(fd, fcntl.LOCK_UN)
