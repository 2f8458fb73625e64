"""Rule 5: a shared directory and its files are used only if nobody else can touch them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from host_refusals import made, opened, refused
from host_world import World

from entitlements.cache.fences import fences_at
from entitlements.errors import InvalidSettings

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture
def shared(tmp_path):
    return tmp_path / "shared"


@pytest.fixture
def world(shared):
    world = World(shared)
    yield world
    world.close()


# --- the directory ----------------------------------------------------------------------------------------------------


def test_a_directory_whose_parent_is_missing_is_not_made_up(tmp_path):
    """A path that was mistyped shows as that."""
    told = refused(tmp_path / "no" / "such")
    assert told == (
        f"shared_path '{tmp_path}/no/such' can't be made, since its parent isn't there: make that, "
        "or name another directory"
    )


def test_a_file_is_no_directory(tmp_path):
    """What was there before is neither used nor harmed."""
    (tmp_path / "file").write_bytes(b"something")
    assert refused(tmp_path / "file") == f"shared_path '{tmp_path}/file' is no directory: name one"
    assert (tmp_path / "file").read_bytes() == b"something"


def test_a_link_to_a_directory_is_refused(tmp_path, shared):
    """Somebody may point a link elsewhere while processes come and go."""
    made(shared)
    (tmp_path / "link").symlink_to(shared)
    for name in ("link", "link/"):
        with pytest.raises(InvalidSettings, match="is a symbolic link, which somebody may point elsewhere"):
            fences_at(f"{tmp_path}/{name}")


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
def test_a_directory_that_others_may_write_in_is_refused(shared, mode):
    """Others could replace the table by one of theirs."""
    made(shared)
    shared.chmod(mode)
    assert refused(shared) == (
        f"shared_path '{shared}' may be written in by others (its mode is {mode:04o}): chmod it to 0700"
    )


def test_a_directory_of_another_user_is_refused(tmp_path):
    """Its owner could do as he likes."""
    theirs = tmp_path
    if os.geteuid() == 0:
        os.chown(theirs, 12_345, -1)
    else:
        theirs = Path("/")
    with pytest.raises(
        InvalidSettings, match=r"belongs to user \d+, and this process runs as user \d+: name a directory"
    ):
        opened(theirs)


# --- the fence table --------------------------------------------------------------------------------------------------


@as_root
def test_a_table_of_another_user_is_refused(shared):
    """Its owner could write tokens into it."""
    os.chown(made(shared), 12_345, -1)
    assert refused(shared) == (
        f"{shared}/fences belongs to user 12345, and this process runs as user 0: remove it, "
        "or give shared_path another directory"
    )


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_table_that_others_may_open_is_refused(shared, mode):
    """Whoever can write it can let an old answer stand."""
    made(shared).chmod(mode)
    assert refused(shared) == (
        f"{shared}/fences may be used by others (its mode is {mode:04o}): chmod it to 0600, "
        "or give shared_path another directory"
    )


def test_a_table_with_two_names_is_refused(tmp_path, shared):
    """Others may hold it by the other name."""
    os.link(made(shared), tmp_path / "other")
    assert "has 2 names, so that others may reach it by another: remove it" in refused(shared)


def test_a_link_in_place_of_the_table_is_refused(tmp_path, shared):
    """A link is never followed, not even to a table."""
    table = made(tmp_path / "elsewhere")
    shared.mkdir(0o700)
    (shared / "fences").symlink_to(table)
    assert "fences is a symbolic link: remove it, or give shared_path another directory" in refused(shared)
    (shared / "fences").unlink()
    (shared / "fences").symlink_to(tmp_path / "made-by-us")
    refused(shared)
    assert not (tmp_path / "made-by-us").exists()


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["directory", "pipe"])
def test_something_else_in_place_of_the_table_is_refused(shared, make):
    """And nobody waits for whoever may be at the pipe's other end."""
    shared.mkdir(0o700)
    make(shared / "fences")
    assert f"{shared}/fences " in refused(shared)


# --- the store -----------------------------------------------------------------------------------------------------


IRREGULAR = "is no regular file, so it may lead anywhere: remove it"


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (
            lambda path: path.symlink_to(path.with_name("other")),
            "is no regular file, so it may lead anywhere: remove it",
        ),
        (lambda path: path.mkdir(), "is no regular file, so it may lead anywhere: remove it"),
        (os.mkfifo, "is no regular file, so it may lead anywhere: remove it"),
        (lambda path: path.touch(0o644), "may be used by others (its mode is 0644): chmod it to 0600"),
        (
            lambda path: (path.touch(0o600), os.link(path, path.with_name("other"))),
            "has 2 names, so that others may reach it by another: remove it",
        ),
    ],
    ids=["link", "directory", "pipe", "mode", "two names"],
)
def test_a_file_that_isn_t_ours_alone_is_refused(world, make, rule):
    """The refusal names the file, the rule and the next step, before SQLite sees anything."""
    world.directory.mkdir(0o700)
    make(world.path)
    with pytest.raises(InvalidSettings) as told:
        world.store()
    assert str(told.value) == f"{world.path} {rule}, or give shared_path another directory"


def test_a_directory_that_isn_t_ours_alone_is_refused(world):
    """Others could put another file in its place."""
    world.directory.mkdir()
    world.directory.chmod(0o777)
    with pytest.raises(InvalidSettings, match=r"may be written in by others \(its mode is 0777\): chmod it to 0700"):
        world.store()


@as_root
def test_a_file_of_another_user_is_refused(world):
    """Its owner could forge any snapshot."""
    world.store().close()
    os.chown(world.path, 12_345, -1)
    with pytest.raises(InvalidSettings, match="belongs to user 12345, and this process runs as user 0: remove it"):
        world.store()
