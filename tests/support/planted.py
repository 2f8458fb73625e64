"""Planted bugs: one-line weakenings of the library, each of which some test must notice.

A race test counts only if it fails on the bug it is there for. `plant` replaces a line in a module's source as it is
imported, in a process of its own; nothing is written anywhere.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

__all__ = ["BANK", "Bug", "plant"]


@dataclass(frozen=True)
class Bug:
    """A line as it is, the line as somebody might carelessly write it, and the tests that must then fail."""

    name: str
    module: str
    line: str
    careless: str
    killed_by: str


_CROWDS = (
    "tests/processes/test_crowds.py::test_2_000_changes_among_8_processes_and_no_decision_rests_on_the_time_before"
)

BANK = [
    Bug(
        "a snapshot is stored under the token read when it arrives (rule 1)",
        "entitlements.cache.engine",
        "            token=flight.token,\n            slot=flight.slot,",
        "            token=self._fences.token(flight.slot),\n            slot=flight.slot,",
        "tests/test_races.py",
    ),
    Bug(
        "a question joins whatever flies, whenever it began (rule 2)",
        "entitlements.cache.engine",
        "flight is not None and flight.token == token and (after is None",
        "flight is not None and (after is None",
        "tests/test_races.py",
    ),
    Bug(
        "a raise writes a counter (rule 3)",
        "entitlements.cache.fences",
        "self._words[slot] = bits << 32 | moment",
        "self._words[slot] = (self._words[slot] or 1 << 62) + 1",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "a raise copies one token (rule 3)",
        "entitlements.cache.fences",
        'bits = int.from_bytes(self._entropy(4), "little")',
        "bits = 0x41414141",
        "tests/test_races.py",
    ),
    Bug(
        "zero is as good a token as any (rule 4)",
        "entitlements.cache.fences",
        "return self.tokens[slot] or self._first(slot)",
        "return self.tokens[slot]",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "a first token carries the time, as if something had changed (rule 3)",
        "entitlements.cache.fences",
        "return self.tokens[slot] or self._first(slot)",
        "return self.tokens[slot] or self.raise_(slot)",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "the stripe comes from hash() (rule 7)",
        "entitlements.cache.fences",
        'return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")',
        "return abs(hash(text))",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "the table is each process's own (rule 8)",
        "entitlements.cache.fences",
        "mmap.mmap(-1, SIZE) if memory",
        "mmap.mmap(-1, SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) if memory",
        "tests/test_forks.py",
    ),
    Bug(
        "a forked child keeps its parent's flights and threads (rule 8)",
        "entitlements.forks",
        "        resettable.reset()",
        "        pass",
        "tests/test_forks.py",
    ),
    Bug(
        "the hot path doesn't compare the fence",
        "entitlements.resolver",
        "self._tokens[snapshot.slot] == snapshot.token",
        "True",
        "tests/test_races.py",
    ),
    Bug(
        "the hot path doesn't read the clock",
        "entitlements.resolver",
        "and snapshot.began <= (now := monotonic()) < snapshot.deadline",
        "and (now := monotonic())",
        "tests/test_async.py",
    ),
    Bug(
        "no fence is compared when a snapshot is looked up",
        "entitlements.cache.answers",
        "return self._fences.tokens[snapshot.slot] == snapshot.token != 0",
        "return True",
        "tests/test_races.py",
    ),
    Bug(
        "what a superseded flight brought answers whoever waited for it",
        "entitlements.judge",
        "return snapshot if snapshot is not None and self._cache.stands(snapshot) else None",
        "return snapshot",
        "tests/test_races.py",
    ),
    Bug(
        "an outage serves what is known to be superseded",
        "entitlements.judge",
        "snapshot is not None and self._cache.stands(snapshot) and self._plan(snapshot, need) is not Plan.FETCH",
        "snapshot is not None",
        "tests/test_outcomes.py",
    ),
    Bug(
        "`after=` joins a flight that began before",
        "entitlements.cache.engine",
        "flight.token == token and (after is None or flight.moment > after)",
        "flight.token == token",
        "tests/test_races.py",
    ),
    Bug(
        "age counts from the end of the fetch",
        "entitlements.cache.engine",
        "            began=flight.began,",
        "            began=self.clock(),",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "a late answer overwrites a newer one",
        "entitlements.cache.shelf",
        "return before.token == after.token and before.moment > after.moment",
        "return False",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "no failure is remembered",
        "entitlements.cache.backoff",
        "if block is not None and now < block.until:",
        "if False:",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "a failure is an empty set",
        "entitlements.cache.engine",
        "            self._fail(flight, _describe(error), error)",
        "            self._complete(flight, __import__('entitlements.sources.contract').sources.contract.Holding(frozenset()))",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "a flight that failed is never taken off the board",
        "entitlements.cache.engine",
        "                return\n            self._leave(flight)\n            self.tally.failures += 1",
        "                return\n            self.tally.failures += 1",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "what is fetched right after an event is trusted like anything else",
        "entitlements.freshness",
        "        if settling:",
        "        if False:",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "a settling snapshot is served while it is refreshed",
        "entitlements.freshness",
        "revalidate = 0.0 if brief else self.stale_while_revalidate",
        "revalidate = self.stale_while_revalidate",
        "tests/test_outcomes.py",
    ),
    Bug(
        "a refusal is given at any age",
        "entitlements.freshness",
        "        if not 0 <= age < lifetime:\n            return Plan.FETCH\n        return Plan.SERVE if age <=",
        "        return Plan.SERVE if age <=",
        "tests/test_outcomes.py",
    ),
    Bug(
        "a clock that went back makes everything young",
        "entitlements.freshness",
        "        if 0 <= age < lifetime:\n            return Plan.SERVE\n        windows",
        "        if age < lifetime:\n            return Plan.SERVE\n        windows",
        "tests/test_outcomes.py",
    ),
    Bug(
        "a question is as true as any object",
        "entitlements.question",
        "    def __bool__(self) -> bool:",
        "    def is_true(self) -> bool:",
        "tests/test_async.py",
    ),
    Bug(
        "a decision is as true as any object",
        "entitlements.decision",
        "    def __bool__(self) -> bool:",
        "    def is_true(self) -> bool:",
        "tests/test_outcomes.py",
    ),
    Bug(
        "a cancelled task takes the flight down with it",
        "entitlements.cache.wait",
        "            await woken\n        finally:\n            alarm.cancel()",
        "            await woken\n        except BaseException:\n            self.landing.land(__import__('entitlements.cache.flight')"
        ".cache.flight.Outcome())\n            raise",
        "tests/test_async.py",
    ),
    Bug(
        "waiting is measured by a clock that a test can freeze",
        "entitlements.clocks",
        "        return time.clock_gettime(time.CLOCK_MONOTONIC)",
        "        return time.monotonic()",
        "tests/test_async.py",
    ),
    Bug(
        "a view stays bound when the request fails",
        "entitlements.bound",
        "    try:\n        yield\n    finally:\n        bound.reset(token)\n        _mind_overrides()",
        "    yield\n    bound.reset(token)\n    _mind_overrides()",
        "tests/test_gate.py",
    ),
    Bug(
        "a guarded stream runs before its check",
        "entitlements.guard",
        "            self._stream = await self._opened()",
        "            self._stream = self._function(*self._args, **self._kwargs)",
        "tests/test_gate.py",
    ),
    Bug(
        "a generator is checked at its first item",
        "entitlements.guard",
        "    if inspect.isasyncgenfunction(function):",
        "    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):",
        "tests/test_gate.py",
    ),
    Bug(
        "an unknown customer takes a payer's room",
        "entitlements.cache.shelf",
        "proper = known and (bool(snapshot.features) or before is not None)",
        "proper = True",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "a thread that was held up fetches what has just landed",
        "entitlements.cache.engine",
        "if landed is not None and landed is not seen and self._suits(landed, after):",
        "if False:",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "a pin holds for as long as somebody holds it",
        "entitlements.customer",
        "return self._pin if monotonic() < self.pinned_until else None",
        "return self._pin if self.pinned_until else None",
        "tests/test_gate.py",
    ),
    Bug(
        "a closed cache goes on remembering",
        "entitlements.cache.shelf",
        "if self._closed or (before is not None",
        "if (before is not None",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "a fork doesn't wait for what is being loaded",
        "entitlements.forks",
        "os.register_at_fork(before=_before, after_in_parent=_release_all, after_in_child=_after_in_child)",
        "os.register_at_fork(after_in_child=_reset_all)",
        "tests/test_forks.py",
    ),
    Bug(
        "a thread is counted before it has started",
        "entitlements.cache.pool",
        "        thread.start()  # first: where no thread can be started, none may be counted\n        self._threads.add(thread)",
        "        self._threads.add(thread)\n        thread.start()",
        "tests/cache/test_pool.py",
    ),
    Bug(
        "two threads make two fence tables",
        "entitlements.cache.fences",
        "    with first_load:  # two tables would be two truths",
        "    if True:",
        "tests/test_outcomes.py",
    ),
    Bug(
        "a webhook from the future is believed",
        "entitlements.stripe.signature",
        "if abs(late) > most:",
        "if late > most:",
        "tests/feeds/test_webhook.py",
    ),
    Bug(
        "a stranger who holds nothing takes a payer's room (R78)",
        "entitlements.cache.shelf",
        "proper = known and (bool(snapshot.features) or before is not None)",
        "proper = known",
        "tests/cache/test_shelf.py",
    ),
    Bug(
        "the jitter shortens the window in which an outage is ridden out",
        "entitlements.freshness",
        "begin = lifetime if brief else max(lifetime, self.ttl)",
        "begin = lifetime",
        "tests/test_freshness.py",
    ),
    Bug(
        "a time to live is stretched beyond every bound",
        "entitlements.freshness",
        "return max(self.ttl, min(affordable, self.max_stale))",
        "return max(self.ttl, affordable)",
        "tests/test_freshness.py",
    ),
    Bug(
        "a flood of strangers takes the turns that are kept for customers (R77)",
        "entitlements.stripe.budget",
        "return self._kept.reserve(patience) if turn is None and known else turn",
        "return self._kept.reserve(patience) if turn is None else turn",
        "tests/stripe/test_budget.py",
    ),
    Bug(
        "an observer's fault becomes the customer's",
        "entitlements.observed",
        "except Exception as error:",
        "except ImportError as error:",
        "tests/test_observer.py",
    ),
    Bug(
        "an observer's own question is observed without end (R68)",
        "entitlements.observed",
        'if self._call is None or getattr(self._telling, "now", False):',
        "if self._call is None:",
        "tests/test_observer.py",
    ),
    Bug(
        "the hot path refuses behind the observer's back (R108)",
        "entitlements.resolver",
        "frozenset() if observer else self._core.judge.known_keys",
        "self._core.judge.known_keys",
        "tests/test_observer.py",
    ),
    Bug(
        "a snapshot taken from the host is as good as new (R24)",
        "entitlements.cache.exchange",
        "            began=now - old,",
        "            began=now,",
        "tests/testing/test_cache_contract.py",
    ),
    Bug(
        "a snapshot taken from the host needs no fence (R04)",
        "entitlements.cache.exchange",
        "if stored is None or stored.token != token:",
        "if stored is None:",
        "tests/testing/test_cache_contract.py",
    ),
    Bug(
        "what a change has overtaken stands in while the source fails (R22)",
        "entitlements.cache.answers",
        "        if snapshot is not None and not self.stands(snapshot):\n            snapshot = None\n        now",
        "        now",
        "tests/testing/test_cache_contract.py",
    ),
    Bug(
        "a change is told to one table of the process only (R38)",
        "entitlements.feeds.changes",
        "        raise_everywhere(slot, settled=settled)  # another instance of this process may rest on another table\n",
        "",
        "tests/test_shared_path.py",
    ),
    Bug(
        "a table that was replaced is not noticed when a change is acknowledged (rule 5)",
        "entitlements.feeds.changes",
        "        if not self._fences.replaced():\n            return\n",
        "        return\n",
        "tests/test_shared_path.py",
    ),
    Bug(
        "fetches go on behind a fence that nobody else raises (rule 5)",
        "entitlements.cache.engine",
        "            return str(trouble)\n        return None",
        "            str(trouble)\n        return None",
        "tests/test_shared_path.py",
    ),
    Bug(
        "each process has the whole request budget",
        "entitlements.core",
        "        self._rate.move(self.fences.budget(self.settings.scope))",
        "        self._rate.move(memoryview(bytearray(160)).cast('d'))",
        "tests/test_shared_path.py",
    ),
    Bug(
        "each of a crowd fetches for himself",
        "entitlements.cache.engine",
        "self.tally.joined += 1\n                    return flight",
        "self.tally.joined += 1",
        "tests/test_crowds.py::test_10_000_tasks_cost_one_list",
    ),
    Bug(
        "a fetch that dies leaves a crowd waiting",
        "entitlements.cache.engine",
        "except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may be left waiting",
        "except Exception as error:",
        "tests/test_crowds.py::test_r67_when_the_fetch_raises_all_threads_are_told_alike[1000-SystemExit(3)]",
    ),
    Bug(
        "an alarm that was half set silences the others",
        "entitlements.watchdog",
        "moment < self._heap[0][0]:\n                self._wake.notify()\n",
        "moment < self._heap[0][0]:\n                heapq.heappush(self._heap, (moment, next(self._order), alarm))\n"
        "                self._wake.notify()\n                return alarm\n",
        "tests/test_deaths.py::test_wherever_a_thread_dies_that_sets_an_alarm_the_next_alarm_rings",
    ),
    Bug(
        "an event that came before counts for nothing (R30)",
        "entitlements.feeds.changes",
        "        if event.customer is not None:",
        "        heard = self.__dict__.setdefault('_heard', set())\n"
        "        if event.customer is not None and event.id not in heard and not heard.add(event.id):",
        "tests/feeds/test_orders.py",
    ),
    Bug(
        "two changes of one second are one change (R31)",
        "entitlements.cache.fences",
        "self._words[slot] = bits << 32 | moment",
        "self._words[slot] = 1 << 62 | moment",
        "tests/feeds/test_orders.py",
    ),
    Bug(
        "an event about a subscription counts for nothing",
        "entitlements.feeds.concern",
        "if kind != _SUMMARY and not kind.startswith(_SUBSCRIPTION):",
        "if kind != _SUMMARY:",
        "tests/feeds/test_orders.py",
    ),
    Bug(
        "a payer who was just asked about makes room for a stranger",
        "entitlements.cache.memory",
        "            if snapshot.visited:",
        "            if not snapshot.visited:",
        "tests/cache/test_memory.py",
    ),
    Bug(
        "a snapshot is stored under a later token, in a crowd (rule 1)",
        "entitlements.cache.engine",
        "            token=flight.token,\n            slot=flight.slot,",
        "            token=self._fences.token(flight.slot),\n            slot=flight.slot,",
        f"{_CROWDS}[fork-false]",
    ),
    Bug(
        "an invalidation returns before its fence is raised",
        "entitlements.feeds.changes",
        "            Raising(self._ground, self._settings.scope).raise_customer(customer)",
        "            __import__('threading').Timer(0.002, Raising(self._ground, self._settings.scope).raise_customer, [customer]).start()",
        f"{_CROWDS}[fork-false]",
    ),
    Bug(
        "a webhook is acknowledged before its fence is raised",
        "entitlements.feeds.changes",
        "            Raising(self._ground, scope).raise_customer(customer)",
        "            __import__('threading').Timer(0.002, Raising(self._ground, scope).raise_customer, [customer]).start()",
        f"{_CROWDS}[mp-fork-false]",
    ),
    Bug(
        "a child keeps copies of the connections that its parent is using",
        "entitlements.stripe.lines",
        "            line.leave()",
        "            pass",
        "tests/stripe/test_connections.py",
    ),
    Bug(
        "a child uses the connections that its parent left idle",
        "entitlements.stripe.lines",
        "inherited, self._idle, self._open = self._open, [], set()",
        "inherited, self._open = set(), set()",
        "tests/stripe/test_connections.py",
    ),
    Bug(
        "a host's table is mapped by each process for itself",
        "entitlements.cache.fence_file",
        "memory = mmap.mmap(fd, SIZE)",
        "memory = mmap.mmap(fd, SIZE, flags=mmap.MAP_PRIVATE)",
        f"{_CROWDS}[fork-true]",
    ),
    Bug(
        "what another process kept is taken whatever fence it stands behind",
        "entitlements.cache.exchange",
        "if stored is None or stored.token != token:",
        "if stored is None:",
        f"{_CROWDS}[fork-true]",
    ),
    Bug(
        "raising all carries the time, as if every customer had changed (rule 3)",
        "entitlements.cache.fences",
        'self._words[_HEADER:] = memoryview(bytes(STRIPES * 8)).cast("Q")',
        'self._words[_HEADER:] = memoryview((self._random() << 32 | int(self._wall())).to_bytes(8, "little") * STRIPES).cast("Q")',
        "tests/cache/test_fences.py",
    ),
    Bug(
        "raising all raises most",
        "entitlements.cache.fences",
        'self._words[_HEADER:] = memoryview(bytes(STRIPES * 8)).cast("Q")',
        'self._words[_HEADER:-1] = memoryview(bytes(STRIPES * 8 - 8)).cast("Q")',
        "tests/cache/test_fences.py",
    ),
    Bug(
        "a change that has settled starts a settle window",
        "entitlements.cache.fences",
        "raised_at(self.tokens[slot]) if settled else int(self._wall()) & 0xFFFF_FFFF",
        "int(self._wall()) & 0xFFFF_FFFF",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "a sweep speaks for every scope that shares its word",
        "entitlements.cache.fences",
        "return word & _TAG == sweep >> 54 and -1 <= age",
        "return -1 <= age",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "a sweep's round from the future shows that changes are followed",
        "entitlements.cache.fences",
        "sweep >> 54 and -1 <= age <= (word",
        "sweep >> 54 and age <= (word",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "a change reaches one table of the process",
        "entitlements.cache.fences",
        "    for table in tables():",
        "    for table in tables()[:1]:",
        "tests/cache/test_fences.py",
    ),
    Bug(
        "a token is written in two steps (rule 6)",
        "entitlements.cache.fences",
        "self._words[slot] = bits << 32 | moment",
        "self._words[slot] = bits << 32; self._words[slot] |= moment",
        "tests/cache/test_fence_file.py::test_four_processes_write_at_once_and_no_word_is_torn",
    ),
    Bug(
        "tokens of another boot stand (rule 5)",
        "entitlements.cache.fence_file",
        "if words[_BOOT_AT] == self._boot:",
        "if words[_BOOT_AT]:",
        "tests/cache/test_fence_file.py",
    ),
    Bug(
        "the boot is written before the last boot's tokens are cleared (rule 5)",
        "entitlements.cache.fence_file",
        "words[:IDENTITY] = _nothing(IDENTITY)",
        "words[_BOOT_AT] = self._boot; words[:IDENTITY] = _nothing(IDENTITY)",
        "tests/cache/test_fence_file.py::test_who_is_killed_while_preparing_leaves_a_table_that_the_next_one_prepares",
    ),
    Bug(
        "a link in place of the fence table is followed (rule 5)",
        "entitlements.cache.fence_file",
        "os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK",
        "os.O_CREAT | os.O_NONBLOCK",
        "tests/cache/test_private_files.py",
    ),
    Bug(
        "whoever opens a fence table prepares it, whether or not somebody else is at it (rule 5)",
        "entitlements.cache.fence_file",
        "            lock(fd, patience=_PATIENCE)  # two",
        "            pass  # two",
        "tests/cache/test_fence_file.py::test_a_process_that_stopped_while_it_prepared_is_told_of",
    ),
    Bug(
        "a fence table is left as it stands, with others still on it (rule 5)",
        "entitlements.cache.fence_file",
        "            if not self._file.cut():\n                self.raise_all()",
        "            pass",
        "tests/cache/test_fence_file.py::test_a_table_that_was_replaced_is_left_for_the_one_that_others_find",
    ),
    Bug(
        "a fence table that was moved to is trusted to know everything (rule 5)",
        "entitlements.cache.fence_file",
        "            self.raise_all()\n\n    def on_move",
        "\n    def on_move",
        "tests/cache/test_fence_file.py::test_a_table_that_was_replaced_is_left_for_the_one_that_others_find",
    ),
    Bug(
        "the hot path isn't told when the fence table moves",
        "entitlements.cache.fence_file",
        "                    told()",
        "                    pass",
        "tests/cache/test_fence_file.py::test_a_table_that_was_replaced_is_left_for_the_one_that_others_find",
    ),
    Bug(
        "the shared directory may be written in by others (rule 5)",
        "entitlements.cache.private_files",
        "if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):",
        "if False:",
        "tests/cache/test_private_files.py",
    ),
    Bug(
        "the shared directory may be anybody's (rule 5)",
        "entitlements.cache.private_files",
        "    if found.st_uid != os.geteuid():\n        raise",
        "    if False:\n        raise",
        "tests/cache/test_private_files.py",
    ),
    Bug(
        "a shared file may have another name elsewhere (rule 5)",
        "entitlements.cache.private_files",
        "elif found.st_nlink != 1:",
        "elif False:",
        "tests/cache/test_private_files.py",
    ),
    Bug(
        "a sealed snapshot's digest isn't looked at",
        "entitlements.cache.envelope",
        'if data != b"".join((_HEAD, _digest(body), _NECK, body, _TAIL)):',
        "if False:",
        "tests/cache/test_envelope.py",
    ),
    Bug(
        "a sealed snapshot answers in any account and mode",
        "entitlements.cache.envelope",
        '_same(members, "scope", scope),',
        "scope,",
        "tests/cache/test_envelope.py",
    ),
    Bug(
        "a sealed snapshot may carry a token that no fence has (rule 4)",
        "entitlements.cache.envelope",
        "if not sys.float_info.min <= abs(token) <= sys.float_info.max:",
        "if token != token:",
        "tests/cache/test_envelope.py",
    ),
    Bug(
        "age is by the clock that says less",
        "entitlements.cache.envelope",
        "return max(by_boot, by_wall) if",
        "return min(by_boot, by_wall) if",
        "tests/cache/test_envelope.py",
    ),
    Bug(
        "a fetch from the future is young",
        "entitlements.cache.envelope",
        "if by_boot >= 0 and by_wall >= 0 else None",
        "if by_boot >= 0 or by_wall >= 0 else None",
        "tests/cache/test_envelope.py",
    ),
    Bug(
        "age begins anew when a snapshot is recalled",
        "entitlements.cache.host",
        "lived = age(stored, self._boot(), self._wall())",
        "lived = 0.0",
        "tests/cache/test_host.py",
    ),
    Bug(
        "a snapshot kept late takes the place of a newer one",
        "entitlements.cache.host",
        "WHERE boot <= excluded.boot OR boot > ?",
        "WHERE true OR boot > ?",
        "tests/cache/test_host.py",
    ),
    Bug(
        "a lease never ends",
        "entitlements.cache.host",
        "and now < held[0][1] <= now + seconds + _ODD:",
        "and True:",
        "tests/cache/test_host.py",
    ),
    Bug(
        "a lease is anybody's",
        "entitlements.cache.host",
        "if held and held[0][0] != holder and",
        "if False and",
        "tests/cache/test_host.py",
    ),
    Bug(
        "snapshots of another boot are recalled",
        "entitlements.cache.host",
        'if sql.execute("SELECT word FROM boot_1").fetchall() != [(boot_id,)]:',
        'if not sql.execute("SELECT word FROM boot_1").fetchall():',
        "tests/cache/test_host.py",
    ),
    Bug(
        "a fork doesn't wait for SQLite",
        "entitlements.cache.host_file",
        "        wait_before_fork(self._turn)",
        "        pass",
        "tests/cache/test_host_faults.py::test_r39_children_forked_while_a_thread_hammers_the_store_have_their_own_connection",
    ),
    Bug(
        "a forked child closes its parent's connection",
        "entitlements.cache.host_file",
        "            _the_parents.append(self._connection)\n            self._connection = None",
        "            pass",
        "tests/cache/test_host_faults.py::test_i15_a_child_neither_uses_nor_closes_its_parent_s_connection",
    ),
    Bug(
        "a store goes on writing to a file that was set aside",
        "entitlements.cache.host_file",
        "return (found.st_ino, found.st_dev) == self._identity",
        "return True",
        "tests/cache/test_host_faults.py::test_every_process_moves_on_to_the_new_file",
    ),
    Bug(
        "a broken store file is used for ever",
        "entitlements.cache.host_file",
        "                self._set_aside()\n",
        "                pass\n",
        "tests/cache/test_host_faults.py::test_r52_a_broken_file_is_set_aside_and_begun_anew",
    ),
    Bug(
        "an outage is never over",
        "entitlements.cache.backoff",
        "if block is not None and now < block.until:",
        "if block is not None:",
        "tests/test_outages.py",
    ),
    Bug(
        "a strict feature lives on through an outage",
        "entitlements.freshness",
        "            return Windows(lifetime, lifetime)",
        "            pass",
        "tests/test_outcomes.py",
    ),
    Bug(
        "the sweep's position moves before the fences are raised (rule 16)",
        "entitlements.feeds.sweep",
        "        raised = self._raise(reading, read_at)\n        after = advance(before, reading.asked, reading.events, began=asked_at, now=read_at)\n        kept = after == before or self._notes.write_note(self._name, after.text())\n",
        "        after = advance(before, reading.asked, reading.events, began=asked_at, now=read_at)\n        kept = after == before or self._notes.write_note(self._name, after.text())\n        raised = self._raise(reading, read_at)\n",
        "tests/feeds/test_sweep_failures.py",
    ),
    Bug(
        "the sweep's stamp is the moment it had its answer (rule 16)",
        "entitlements.feeds.sweep",
        "self._fence.stamp(began)",
        "self._fence.stamp(self._now())",
        "tests/feeds/test_sweep.py",
    ),
    Bug(
        "the sweep vouches for what it could not keep",
        "entitlements.feeds.sweep",
        "        if kept:\n",
        "        if True:\n",
        "tests/feeds/test_sweep_failures.py",
    ),
    Bug(
        "a last event that is gone is no gap",
        "entitlements.feeds.sweep",
        "before.last not in reading.events:",
        "False:",
        "tests/feeds/test_sweep_gaps.py",
    ),
    Bug(
        "no news is a gap",
        "entitlements.feeds.sweep",
        "before.last not in reading.events:",
        "not reading.news:",
        "tests/feeds/test_sweep.py",
    ),
    Bug(
        "a sweep opens no settle window",
        "entitlements.feeds.sweep",
        "customer: created < settled for",
        "customer: True for",
        "tests/feeds/test_sweep.py",
    ),
    Bug(
        "a sweep without a position begins at this moment",
        "entitlements.feeds.sweep",
        "since = self._first(now) if before is None else before.since",
        "since = int(now) if before is None else before.since",
        "tests/feeds/test_sweep_gaps.py",
    ),
    Bug(
        "every process of a host sweeps",
        "entitlements.feeds.sweep",
        "if not self._at_work():",
        "if False:",
        "tests/feeds/test_sweep_failures.py",
    ),
    Bug(
        "the first page is all of the event list",
        "entitlements.feeds.reading",
        "        if not page.has_more:\n            return True",
        "        if True:\n            return True",
        "tests/feeds/test_sweep.py",
    ),
    Bug(
        "a cursor that vanishes ends the event list",
        "entitlements.feeds.reading",
        "                raise\n            return False\n",
        "                raise\n            return True\n",
        "tests/feeds/test_sweep_gaps.py",
    ),
    Bug(
        "an event that can't be read is passed over",
        "entitlements.feeds.reading",
        '            self.gap = f"event',
        '            _ = f"event',
        "tests/feeds/test_sweep_gaps.py",
    ),
    Bug(
        "events that appear late are not looked for",
        "entitlements.feeds.position",
        "overlap = 0 if began - noticed >= OVERLAP else OVERLAP",
        "overlap = 0",
        "tests/feeds/test_sweep_fuzz.py",
    ),
    Bug(
        "a test clock's event years ahead is the newest there is",
        "entitlements.feeds.position",
        "for each, moment in events.items() if moment <= now)",
        "for each, moment in events.items())",
        "tests/feeds/test_sweep.py",
    ),
    Bug(
        "a position rests on an event until Stripe forgets it",
        "entitlements.feeds.position",
        "if created < now - _QUIET:",
        "if False:",
        "tests/feeds/test_sweep_gaps.py",
    ),
    Bug(
        "a paused subscription changes nobody's access",
        "entitlements.feeds.concern",
        '    "customer.subscription.paused",\n',
        "",
        "tests/feeds/test_sweep.py",
    ),
    Bug(
        "the first failure is the sweeping thread's last",
        "entitlements.feeds.sweeper",
        "        except Exception as error:",
        "        except LookupError as error:",
        "tests/feeds/test_sweeper.py",
    ),
    Bug(
        "the sweeping thread keeps its instance alive",
        "entitlements.feeds.sweeper",
        "        del sweeper  # or it would live as long as the thread idles\n",
        "",
        "tests/feeds/test_sweeper.py",
    ),
    Bug(
        "a forked child goes on before everything was reset",
        "entitlements.forks",
        "    for resettable in list(_registered):\n        resettable.reset()\n    for resumable in list(_running):\n        resumable.resume()\n",
        "    for resumable in list(_running):\n        resumable.reset()\n        resumable.resume()\n    for resettable in list(_registered):\n        resettable not in _running and resettable.reset()\n",
        "tests/feeds/test_sweeper_processes.py",
    ),
    Bug(
        "a signature is compared as far as it goes",
        "entitlements.stripe.signature",
        "found |= hmac.compare_digest(expected, signature)",
        "found |= expected.startswith(signature)",
        "tests/fuzz/test_fuzz_webhook_header.py",
    ),
    Bug(
        "a signature for tests is one",
        "entitlements.stripe.signature",
        'elif name == b"v1" and',
        'elif name in {b"v0", b"v1"} and',
        "tests/fuzz/test_fuzz_webhook_header.py",
    ),
    Bug(
        "the first of several times will do",
        "entitlements.stripe.signature",
        "if len(stamps) != 1 or",
        "if not stamps or",
        "tests/fuzz/test_fuzz_webhook_header.py",
    ),
    Bug(
        "an empty secret is one",
        "entitlements.stripe.signature",
        "if not isinstance(secret, Secret) or not secret:",
        "if not isinstance(secret, Secret):",
        "tests/fuzz/test_fuzz_webhook_header.py",
    ),
    Bug(
        "a member that is named twice has its last value",
        "entitlements.stripe.strict_json",
        "if len(members) != len(pairs):",
        "if False:",
        "tests/fuzz/test_fuzz_webhook_body.py",
    ),
    Bug(
        "half a character is one",
        "entitlements.stripe.strict_json",
        "if not _SURROGATE.search(text) or _is_unicode(value):",
        "if True:",
        "tests/fuzz/test_fuzz_webhook_body.py",
    ),
    Bug(
        "a page that doesn't say whether more follows is the last",
        "entitlements.stripe.pages",
        'has_more = body.get("has_more")',
        'has_more = body.get("has_more", False)',
        "tests/fuzz/test_fuzz_pages.py",
    ),
    Bug(
        "an item that was seen before is taken again",
        "entitlements.stripe.pages",
        'raise self.malformed("holds an item seen before, so the reading gets nowhere")',
        "pass",
        "tests/fuzz/test_fuzz_pages.py",
    ),
    Bug(
        "the mode of what stands in an object is not compared",
        "entitlements.stripe.reading",
        "        elif isinstance(value, StripeObject):\n            yield from _modes(value)",
        "        elif isinstance(value, StripeObject):\n            pass",
        "tests/fuzz/test_fuzz_pages.py",
    ),
    Bug(
        "whatever is missing, it is the customer",
        "entitlements.sources.active",
        'if missing.param != "customer":',
        "if False:",
        "tests/fuzz/test_fuzz_pages.py",
    ),
    Bug(
        "whoever isn't let in is told that nobody is there",
        "entitlements.stripe.refusals",
        "return _BY_STATUS.get(status, ResourceMissing)",
        "return ResourceMissing",
        "tests/fuzz/test_fuzz_pages.py",
    ),
    Bug(
        "whatever can be written down is an id",
        "entitlements.stripe.ids",
        '        raise InvalidInput(f"{what} {shown(value)} is not a string; {advice}")\n    text = str.__str__(value)',
        "        value = str(value)\n    text = str.__str__(value)",
        "tests/fuzz/test_fuzz_ids.py",
    ),
    Bug(
        "a key is masked after it was cut",
        "entitlements.stripe.ids",
        "return super().repr_str(scrub(str.__str__(x)), level)",
        "return scrub(super().repr_str(str.__str__(x), level))",
        "tests/fuzz/test_fuzz_ids.py",
    ),
    Bug(
        "whatever decodes to a token is one",
        "entitlements.token",
        " and _written(packed) == text",
        "",
        "tests/fuzz/test_fuzz_ids.py",
    ),
    Bug(
        "a secret is what it prints",
        "entitlements.stripe.secret",
        "self._value = str.__str__(value)",
        "self._value = value",
        "tests/fuzz/test_fuzz_settings.py",
    ),
    Bug(
        "an address may name a user",
        "entitlements.stripe.address",
        'for mark in "@?#"',
        'for mark in "?#"',
        "tests/fuzz/test_fuzz_settings.py",
    ),
    Bug(
        "truth is a number",
        "entitlements.settings",
        "if not isinstance(value, kinds) or isinstance(value, bool) or",
        "if not isinstance(value, kinds) or",
        "tests/fuzz/test_fuzz_numbers.py",
    ),
    Bug(
        "any digit declares a length",
        "entitlements.web.webhook",
        "if not (header.isascii() and header.isdigit()):",
        "if not header.isdigit():",
        "tests/fuzz/test_fuzz_content_length.py",
    ),
    Bug(
        "a question that is interrupted leaves its flight behind",
        "entitlements.cache.engine",
        'self._ground(mine, "the question that began this fetch was interrupted")',
        "pass",
        "tests/cache/test_engine.py",
    ),
    Bug(
        "nobody looks whether the table is still there (rule 5)",
        "entitlements.feeds.changes",
        "self._lookout.start()",
        "pass",
        "tests/test_shared_path.py",
    ),
    Bug(
        "a table is looked after once and never again (rule 5)",
        "entitlements.cache.lookout",
        "        finally:\n            with self._lock:\n                if not self._closed:\n                    self._again()",
        "        finally:\n            pass",
        "tests/cache/test_lookout.py",
    ),
    Bug(
        "a table that is gone doesn't fall, and whoever moves to the next is waited for (rule 5)",
        "entitlements.cache.lookout",
        "        self._fences.fall()\n",
        "",
        "tests/cache/test_lookout.py",
    ),
    Bug(
        "a table that is gone falls in name only (rule 5)",
        "entitlements.cache.fence_file",
        "            if self.replaced() and not self._file.cut():\n                self.raise_all()",
        "            pass",
        "tests/cache/test_fence_file.py",
    ),
    Bug(
        "a forked child looks after nothing (rules 5 and 8)",
        "entitlements.cache.lookout",
        "resume_in_child(self)",
        "pass",
        "tests/test_forks.py::test_a_child_notices_that_its_table_was_removed_though_nobody_fetches",
    ),
    Bug(
        "the question that finds its table replaced answers from before",
        "entitlements.judge",
        "plan = plan if self._stands_in(snapshot, need) else Plan.FETCH",
        "pass",
        "tests/test_shared_path.py",
    ),
    Bug(
        "a lease is not renewed while a round reads on",
        "entitlements.feeds.sweep",
        "if self._begun and not self._renew():",
        "if False:",
        "tests/feeds/test_sweep_failures.py",
    ),
    Bug(
        "a lease is shorter than a page may take",
        "entitlements.feeds.sweep",
        "max(self._lease, _AT_WORK)",
        "self._lease",
        "tests/feeds/test_sweep_failures.py",
    ),
    Bug(
        "a round that is over keeps the lease of one at work",
        "entitlements.feeds.sweep",
        "self._notes.lease(self._name, self._holder, self._lease)",
        "pass",
        "tests/feeds/test_sweep_failures.py",
    ),
]


def plant(name: str) -> None:
    """Have a bug in place from the next import on."""
    from planted_simulated import SIMULATED  # it is made of these bugs

    bug = next(bug for bug in (*BANK, *SIMULATED) if bug.name == name)
    sys.meta_path.insert(0, _Finder(bug))


class _Finder(MetaPathFinder):
    def __init__(self, bug: Bug) -> None:
        self._bug = bug

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._bug.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None, f"no module {fullname}"
        assert spec.origin is not None
        spec.loader = _Loader(fullname, spec.origin, self._bug)
        return spec


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, bug: Bug) -> None:
        super().__init__(fullname, path)
        self._bug = bug

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path).decode()
        assert source.count(self._bug.line) == 1, f"the bank is out of date: {self._bug.name}"
        return self.source_to_code(source.replace(self._bug.line, self._bug.careless).encode(), self.path)
