"""A real gunicorn on loopback: started, asked in every one of its workers, reloaded and stopped."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from controlled import wait_for
from process_kernel import children
from signed import event, signature

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["WORKERS", "Gunicorn", "Told", "gunicorn"]

WORKERS = 4
_PATIENCE = 20.0


@dataclass(frozen=True)
class Told:
    """What one worker answered."""

    pid: int
    has: bool
    threads: dict[str, str]


class Gunicorn:
    """One gunicorn; everything is asked on a connection of its own."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self._process = process
        self._port = port
        self._log = log
        self.pid = process.pid

    @property
    def workers(self) -> set[int]:
        return children(self.pid)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_until_up(self) -> None:
        """Wait until every worker has answered; a master that came to an end never will."""
        wait_for(lambda: self._process.poll() is not None or len(self.workers) == WORKERS, seconds=_PATIENCE)
        assert self._process.poll() is None, self.log

    def ask_all(self) -> dict[int, list[Told]]:
        """Ask until each of the workers has answered; give all that each of them said."""
        told: dict[int, list[Told]] = {pid: [] for pid in self.workers}

        def all_have_answered() -> bool:
            for each in pool.map(lambda _: self._ask(), range(WORKERS)):
                told.setdefault(each.pid, []).append(each)
            return all(told.values())

        with ThreadPoolExecutor(WORKERS) as pool:
            wait_for(all_have_answered, seconds=_PATIENCE)
        return told

    def deliver(self, customer: str) -> int:
        """Send a webhook, signed, to whichever worker takes it; give the answer's status."""
        payload = event(data={"object": {"object": "entitlements.active_entitlement_summary", "customer": customer}})
        return self._exchange("POST", "/stripe", payload, {"Stripe-Signature": signature(payload)})[0]

    def reload(self) -> None:
        """Have every worker replaced, and wait until it is."""
        before = self.workers
        self._process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(self.workers - before) == WORKERS == len(self.workers), seconds=_PATIENCE)

    def stop(self) -> int:
        """Have everything come to an end; give the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(_PATIENCE)

    def _ask(self) -> Told:
        status, body = self._exchange("GET", "/", None, {})
        assert status == 200, body
        return Told(**json.loads(body))

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE)
        try:
            connection.request(method, path, body, {**headers, "Connection": "close"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@contextmanager
def gunicorn(directory: Path, *options: str, app: str = "process_site:wsgi", **environ: str) -> Iterator[Gunicorn]:
    """Start gunicorn on a port that is open already, and leave none of its processes behind."""
    log = directory / "gunicorn.log"
    support = str(Path(__file__).parent)
    paths = os.pathsep.join(filter(None, (support, os.environ.get("PYTHONPATH"))))
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        bind = ("--bind", f"fd://{listener.fileno()}", "--workers", str(WORKERS), "--no-control-socket")
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *bind, *options, app],
            env={**os.environ, **environ, "PYTHONPATH": paths},
            pass_fds=[listener.fileno()],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        site = Gunicorn(process, listener.getsockname()[1], log)
        try:
            yield site
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
