"""The lookout: a table that others share by its name is looked after, for as long as anybody rests on it."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from controlled import Clock, Jobs, Truth, wait_for

from entitlements import Entitlements, InvalidSettings
from entitlements.cache.fences import Fences
from entitlements.cache.lookout import Lookout
from entitlements.cache.seams import Seams


class Table(Fences):
    """A table that a test replaces; it tells what was done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.gone, self.lost, self.done = False, False, []

    def replaced(self) -> bool:
        self.done.append("looked at")
        return self.gone

    def fall(self) -> None:
        self.done.append("fell")

    def reattach(self) -> None:
        self.done.append("moved")
        if self.lost:
            raise InvalidSettings("no directory")
        self.gone = False


class Alarm:
    def __init__(self, moment, call) -> None:
        self.moment, self.call, self.cancelled = moment, call, False

    def cancel(self) -> None:
        self.cancelled = True


class World:
    """A lookout and everything around it."""

    def __init__(self) -> None:
        self.now, self.jobs, self.table = Clock(50.0), Jobs(), Table()
        self.alarms: list[Alarm] = []
        self.refusing = False
        self.lookout = Lookout(self.table, Seams(spawn=self._spawn, now=self.now, alarm=self._alarm))

    def _alarm(self, moment, call) -> Alarm:
        self._perhaps_refuse()
        self.alarms.append(Alarm(moment, call))
        return self.alarms[-1]

    def _spawn(self, job) -> bool:
        self._perhaps_refuse()
        return self.jobs(job)

    def _perhaps_refuse(self) -> None:
        if self.refusing:
            raise RuntimeError("can't start new thread")

    def ring(self) -> None:
        self.now.at = self.alarms[-1].moment
        self.alarms[-1].call()

    def done(self) -> list[str]:
        done, self.table.done = self.table.done, []
        return done


@pytest.fixture(name="world")
def _world() -> World:
    return World()


def test_it_looks_every_second(world):
    """However often it is started, there is one look a second, and nothing else is done while all is well."""
    for _ in range(3):
        world.lookout.start()
    for _ in range(3):
        world.ring()
    assert [alarm.moment for alarm in world.alarms] == [51.0, 52.0, 53.0, 54.0]
    assert (world.done(), list(world.jobs.waiting)) == (["looked at"] * 3, [])


def test_a_table_that_is_gone_falls_at_once_and_is_left_by_another_thread(world):
    """The watchdog has other alarms to ring: it voids everything, and waits for no file's lock."""
    world.lookout.start()
    world.table.gone = True
    world.ring()
    assert world.done() == ["looked at", "fell"]
    world.jobs.run()
    world.ring()
    assert (world.done(), len(world.alarms)) == (["moved", "looked at"], 3)


def test_where_no_table_can_be_had_it_goes_on_looking(world, caplog):
    """Nothing old stands meanwhile, the log says why, and the table is found once there is one."""
    world.lookout.start()
    world.table.gone = world.table.lost = True
    for _ in range(2):
        world.ring()
        world.jobs.run()
    assert world.done() == ["looked at", "fell", "moved"] * 2
    assert "the fence table was removed, and nothing can be told until there is one: no directory" in caplog.text
    world.table.lost = False
    world.ring()
    world.jobs.run()
    world.ring()
    assert world.done() == ["looked at", "fell", "moved", "looked at"]


def test_where_no_thread_can_start_nothing_old_stands_and_the_next_call_tries_again(world, caplog):
    """R98: whoever asks a question isn't told of it; the log is."""
    world.refusing = True
    world.lookout.start()
    assert "no thread to look after the fence table" in caplog.text
    world.refusing = False
    world.lookout.start()
    world.table.gone = world.refusing = True
    world.ring()
    assert world.done() == ["looked at", "fell"]
    assert "no thread to move to another fence table" in caplog.text
    world.refusing = False
    world.lookout.start()
    world.ring()
    world.jobs.run()
    assert world.done() == ["looked at", "fell", "moved"]


def test_closed_it_looks_no_more(world):
    """A closed instance answers nothing, and leaves nothing running; nor in a child, nor when it is asked again."""
    world.lookout.start()
    world.lookout.close()
    world.alarms[-1].call()  # it rang while it was cancelled
    world.lookout.start()
    world.lookout.reset()
    world.lookout.resume()
    assert (len(world.alarms), world.alarms[0].cancelled) == (1, True)


def test_a_forked_child_goes_on_where_its_parent_did(world):
    """R39: nothing is to be called; and an instance that was asked nothing looks after nothing."""
    world.lookout.reset()
    world.lookout.resume()
    assert world.alarms == []
    world.lookout.start()
    world.lookout.reset()
    world.lookout.resume()
    assert len(world.alarms) == 2


def test_it_holds_no_instance_alive(tmp_path):
    """Whoever lets go of an instance lets go of its alarms."""
    ents = Entitlements(source=Truth({"cus_1": {"exports"}}), shared_path=tmp_path / "shared")
    assert ents.has_feature("cus_1", "exports")
    lookout = weakref.ref(ents._core.changes._lookout)
    assert lookout()._alarm is not None
    del ents
    wait_for(lambda: gc.collect() is not None and lookout() is None)


def test_a_process_that_shares_no_path_looks_after_nothing():
    """Memory that only forks share has no name that anybody could take away."""
    before = threading.active_count()
    with Entitlements(source=Truth({"cus_1": {"exports"}})) as ents:
        assert threading.active_count() == before
        assert ents.has_feature("cus_1", "exports")
        assert ents._core.changes._lookout is None
