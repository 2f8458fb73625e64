"""Rule 5: the fence table as a file is one for every process of the host, of this boot, and never half made."""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from host_processes import running
from host_refusals import made, opened, refused
from wire_fork import works_in_a_child

from entitlements.cache import fence_file
from entitlements.cache.fences import IDENTITY, SIZE, Fences, fences_at, raised_at
from entitlements.errors import InvalidSettings

SLOT = Fences.slot("self/live", "cus_1")
LAST = SIZE // 8 - 1


@pytest.fixture
def shared(tmp_path):
    return tmp_path / "shared"


# --- a new table, and the same table --------------------------------------------------------------------------------


def test_a_new_directory_is_this_user_s_alone(shared):
    """The directory is made with mode 0700, the file with 0600 and at its full size: no hole is left in it."""
    opened(shared)
    found = (shared / "fences").stat()
    assert (shared.stat().st_mode & 0o7777, found.st_mode & 0o7777) == (0o700, 0o600)
    assert found.st_size == SIZE
    assert found.st_blocks * 512 >= SIZE


def test_every_process_of_the_host_sees_a_raise_at_once(shared):
    """A fence raised in one process has fallen in the others, before anything is acknowledged."""
    script = """
        from entitlements.cache.fences import Fences, fences_at
        table, slot = fences_at(sys.argv[2]), Fences.slot("self/live", "cus_1")
        tell(table.token(slot).hex())
        wait()
        table.raise_(slot)
        tell("raised")
    """
    table = fences_at(shared)
    token = table.token(SLOT)
    with running(script, shared) as [process]:
        assert process.hear() == token.hex()
        process.go()
        assert process.hear() == "raised"
        assert table.tokens[SLOT] not in {0, token}
        assert table.settling(table.tokens[SLOT], within=60)


def test_a_restart_finds_the_fences_standing(shared):
    """What was fetched before a restart is still good, unless a change became known meanwhile."""
    before = opened(shared)
    token, cell = before.raise_(SLOT), before.budget("s")
    cell[0] = 3.5
    del before, cell
    gc.collect()
    after = opened(shared)
    assert (after.token(SLOT), after.budget("s")[0]) == (token, 3.5)


def test_another_boot_makes_every_token_fresh(shared):
    """R52: nothing that was noted before a reboot stands after it: no token, no stamp, no budget."""
    before = opened(shared, boot=1)
    before.raise_(SLOT)
    before.raise_(LAST)
    before.feed_heard(before.feed("s"))
    before.swept(before.sweep("s"), began=before._wall(), good_for=60)
    before.budget("s")[0] = 3.5
    after = opened(shared, boot=2)
    assert [after.tokens[SLOT], after.tokens[LAST], after.budget("s")[0]] == [0, 0, 0]
    assert (after.feed_silence(after.feed("s")), after.sweep_is_live(after.sweep("s"))) == (float("inf"), False)
    token = after.raise_(SLOT)
    assert opened(shared, boot=2).tokens[SLOT] == token  # it was cleared once


def test_one_object_a_directory_in_a_process(tmp_path, shared):
    """Two instances that name one directory, by whatever way, share a table; another directory is another table."""
    (tmp_path / "way").symlink_to(tmp_path)
    table = fences_at(shared)
    assert fences_at(str(shared)) is table
    assert fences_at(tmp_path / "way" / "shared") is table
    assert fences_at(tmp_path / "other") is not table


def test_a_forked_child_has_its_parent_s_table(shared):
    """Rule 8: a fork needs nothing: the child sees the parent's words, and the parent the child's."""
    table = fences_at(shared)
    token = table.token(SLOT)
    assert works_in_a_child(lambda: fences_at(shared) is table and table.raise_(SLOT) != token)
    assert table.tokens[SLOT] != token


# --- what is no table of ours -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 4096, SIZE - 1, SIZE, SIZE + 1])
def test_a_file_of_somebody_else_is_refused(shared, size):
    """Whatever has that name, nothing of it is overwritten."""
    shared.mkdir(0o700)
    (shared / "fences").write_bytes(b"x" * size)
    (shared / "fences").chmod(0o600)
    assert "remove it" in refused(shared).lower()


def test_a_table_that_was_cut_is_refused(shared):
    """It says how long it is and should be, what to do, and where."""
    os.truncate(made(shared), 100_000)
    assert refused(shared) == (
        f"{shared}/fences has 100,000 bytes instead of 2,105,344: it was cut, or is no fence table. Remove it, "
        "or give shared_path another directory"
    )


def test_a_table_of_another_layout_is_refused(shared):
    """R29: another release's words mean something else: side by side they need two directories."""
    table = made(shared)
    raw = bytearray(table.read_bytes())
    assert raw[IDENTITY * 8 : IDENTITY * 8 + 8] == b"fences\x01\x00"
    raw[IDENTITY * 8 + 6] = 2
    table.write_bytes(raw)
    assert refused(shared) == (
        f"{shared}/fences is laid out by version 2, and this release reads version 1: run the two releases on two "
        "directories, and remove it when the other has gone, or give shared_path another directory"
    )


def test_a_full_disk_is_told_as_that(shared):
    """R52: a table that can't be allocated whole is not used: a hole in it would be a fatal signal."""

    def fails() -> bool:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        with pytest.raises(InvalidSettings, match=r"fences can't be prepared \(File too large\): mend that, or give"):
            opened(shared)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        return opened(shared).raise_(SLOT) != 0

    assert works_in_a_child(fails)


# --- two at once, and death in the midst ----------------------------------------------------------------------------

OPENS = """
    from entitlements.cache.fence_file import FileFences
    tell("ready")
    wait()
    table = FileFences(sys.argv[2], boot=7)
    tell(table.raise_(1_000 + int(sys.argv[1])).hex())
    wait()
"""


def test_of_many_that_open_a_new_table_at_once_one_prepares_it(shared):
    """Real processes race: whatever any of them writes is there for all, and nobody clears it."""
    with running(OPENS, shared, processes=4) as processes:
        assert [process.hear() for process in processes] == ["ready"] * 4
        for process in processes:
            process.go()
        told = [process.hear() for process in processes]
        table = opened(shared, boot=7)
        assert [table.tokens[1_000 + number].hex() for number in range(4)] == told


def test_who_opens_a_table_waits_for_whoever_prepares_it(shared):
    """The file is locked meanwhile: what is written into a table is never cleared by one who came at the same time."""
    shared.mkdir(0o700)
    with (shared / "fences").open("wb") as file, running(OPENS, shared) as [process]:
        (shared / "fences").chmod(0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        assert process.hear() == "ready"
        process.go()
        assert not process.tells_within(0.3)
        os.truncate(file.fileno(), SIZE)
        fcntl.flock(file, fcntl.LOCK_UN)
        token = process.hear()
        assert opened(shared, boot=7).tokens[1_000].hex() == token


def test_a_process_that_stopped_while_it_prepared_is_told_of(shared, monkeypatch):
    """Nobody waits for ever: whoever can't have the table says so."""
    monkeypatch.setattr(fence_file, "_PATIENCE", 0.05)
    with made(shared).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        told = refused(shared)
    assert told == (
        f"{shared}/fences can't be prepared (another process kept it locked for 0.05 s): mend that, "
        "or give shared_path another directory"
    )


def dies_at_step(step: int, directory, boot: int) -> bool:
    """Open a table in a child that is killed before its n-th line of that; return whether it came through."""
    left = step

    def trace(frame, event, arg):
        nonlocal left
        if frame.f_code.co_filename != fence_file.__file__:
            return None
        left -= event == "line"
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    def question() -> bool:
        sys.settrace(trace)
        opened(directory, boot=boot)
        return True

    return works_in_a_child(question)


@pytest.mark.parametrize("kept", [False, True], ids=["new", "from another boot"])
def test_who_is_killed_while_preparing_leaves_a_table_that_the_next_one_prepares(tmp_path, kept):
    """Killed before any line of it: the next one of that boot opens the table, and no token of before stands."""
    step, through = 0, False
    while not through:
        directory = tmp_path / str(step)
        if kept:
            before = opened(directory, boot=1)
            before.raise_(SLOT)
            before.raise_(LAST)
            before.budget("s")[0] = 1
        through = dies_at_step(step, directory, boot=2)
        after = opened(directory, boot=2)
        assert [after.tokens[SLOT], after.tokens[LAST], after.budget("s")[0]] == [0, 0, 0], step
        token = after.raise_(SLOT)
        assert opened(directory, boot=2).tokens[SLOT] == token
        step += 1
    assert step > 20


def test_four_processes_write_at_once_and_no_word_is_torn(shared):
    """Rule 6: through a table of any process, every token read is one that somebody wrote whole."""
    script = """
        from entitlements.cache.fence_file import FileFences
        number, last, slot = int(sys.argv[1]), [0x40000000], 600
        def wall(): return float(last[0])
        def entropy(count): return last[0].to_bytes(count, "little")  # both halves of a token say the same
        table = FileFences(sys.argv[2], wall=wall, entropy=entropy)
        table.raise_(slot)
        words = table._words
        tell("ready")
        wait()
        torn = 0
        for turn in range(30_000):
            last[0] = 0x40000000 | number << 24 | turn
            table.raise_(slot)
            for word in [words[slot], words[slot], words[slot], words[slot], words[slot], words[slot]]:
                torn += word == 0 or word >> 32 != word & 0xFFFFFFFF
        tell(torn)
    """
    with running(script, shared, processes=4) as processes:
        assert [process.hear() for process in processes] == ["ready"] * 4
        for process in processes:
            process.go()
        assert [process.hear() for process in processes] == ["0"] * 4


# --- somebody replaces the file -------------------------------------------------------------------------------------


class Follower:
    """Whoever keeps a view of the table at hand."""

    def __init__(self, table) -> None:
        self._table = table
        table.on_move(self.moved)
        self.tokens = table.tokens

    def moved(self) -> None:
        self.tokens = self._table.tokens


def test_a_table_that_stays_is_not_replaced(shared):
    """What others do with it in the ordinary way is no replacement, and moves nobody."""
    one, other = opened(shared), opened(shared)
    follower = Follower(one)
    view = follower.tokens
    other.raise_(SLOT)
    other.raise_all()
    assert not one.replaced()
    one.reattach()
    assert (one.tokens is view, follower.tokens is view) == (True, True)


@pytest.mark.parametrize("how", ["removed", "replaced", "directory removed"])
def test_a_table_that_was_replaced_is_left_for_the_one_that_others_find(shared, how):
    """Rule 5: the old table falls for everybody who is still on it, and everything in the new one is raised."""
    one, other, left_behind = opened(shared), opened(shared), opened(shared)
    follower = Follower(one)
    token, seen = one.raise_(SLOT), left_behind.tokens[SLOT]
    assert seen == token
    (shared / "fences").unlink()
    if how == "directory removed":
        shared.rmdir()
    if how == "replaced":
        newcomer = opened(shared)
        fetched_there = newcomer.raise_(SLOT)
    assert (one.replaced(), other.replaced()) == (True, True)
    one.reattach()
    assert (one.replaced(), follower.tokens is one.tokens) == (False, True)
    assert left_behind.tokens[SLOT] == 0  # and so it fetches, and finds out
    if how == "replaced":
        assert newcomer.tokens[SLOT] != fetched_there
    other.reattach()
    found = other.raise_(SLOT)
    assert one.tokens[SLOT] == follower.tokens[SLOT] == found
    assert left_behind.tokens[SLOT] == 0


@pytest.mark.parametrize("how", ["removed", "cut"])
def test_what_rests_on_a_table_that_is_gone_can_be_voided_at_once(shared, how):
    """It takes no file's lock; a table that is well stays as it is, and one that was cut isn't written to."""

    def falls() -> bool:
        table = opened(shared)
        token = table.raise_(SLOT)
        table.fall()
        stood = table.tokens[SLOT] == token
        if how == "removed":
            (shared / "fences").unlink()
        else:
            os.truncate(shared / "fences", 0)
        table.fall()
        return stood and (how == "cut" or table.tokens[SLOT] == 0)

    assert works_in_a_child(falls)


def test_whoever_moves_is_not_waited_for(shared):
    """The one who moves voids the old table first of all; nobody else has to, nor may hang for its file's lock."""
    table = opened(shared)
    token = table.raise_(SLOT)
    (shared / "fences").unlink()
    with table._moving:
        other = threading.Thread(target=table.fall, daemon=True)
        other.start()
        other.join(10)
        assert (other.is_alive(), table.tokens[SLOT]) == (False, token)
    table.fall()
    assert table.tokens[SLOT] == 0


def test_a_later_instance_moves_everybody_on(shared):
    """Whoever is made after the file was replaced finds the new one, together with whoever was there before."""
    table = fences_at(shared)
    (shared / "fences").unlink()
    assert fences_at(shared) is table
    assert not table.replaced()


def test_a_move_keeps_nobody_alive(shared):
    """An instance that was let go isn't told, nor kept for it."""
    table = opened(shared)
    follower, gone = Follower(table), Follower(table)
    views = [follower.tokens]
    del gone
    gc.collect()
    Follower(table)
    assert len(table._followers) <= 2
    (shared / "fences").unlink()
    table.reattach()
    assert follower.tokens is not views[0]


def test_what_can_t_be_moved_to_is_refused_and_the_old_table_has_fallen(tmp_path, shared):
    """Better to fetch than to answer from a table that others may have left."""
    table = opened(shared)
    table.raise_(SLOT)
    (shared / "fences").unlink()
    (shared / "fences").symlink_to(made(tmp_path / "elsewhere"))
    for _ in range(2):
        with pytest.raises(InvalidSettings, match="is a symbolic link: remove it"):
            table.reattach()
    assert (table.replaced(), table.tokens[SLOT]) == (True, 0)
    assert raised_at(table.token(SLOT)) == 0
    (shared / "fences").unlink()
    table.reattach()
    assert (table.replaced(), table.tokens[SLOT]) == (False, 0)


def test_a_table_that_was_cut_to_nothing_is_made_whole_without_touching_what_is_missing(shared):
    """A write beyond a file's end is a fatal signal: who notices in time survives."""

    def survives() -> bool:
        table = opened(shared)
        table.raise_(SLOT)
        os.truncate(shared / "fences", 0)
        noticed = table.replaced()
        table.reattach()
        return noticed and not table.replaced() and table.tokens[SLOT] == 0 and table.raise_(SLOT) != 0

    assert works_in_a_child(survives)


@pytest.mark.skipif(sys.platform != "linux", reason="counts by /proc")
def test_a_move_lets_go_of_the_old_file(shared):
    """However often the file is replaced, a process holds one of them."""
    table = opened(shared)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        (shared / "fences").unlink()
        table.reattach()
    gc.collect()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
