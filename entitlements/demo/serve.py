"""The application's process: serve on the socket that was handed over, for as long as somebody holds our stdin.

    python -m entitlements.demo.serve FD

The library is set up as an application would do it: STRIPE_API_KEY, STRIPE_API_BASE and STRIPE_WEBHOOK_SECRET. Where
another application has a database of users, this one has DEMO_USERS, in JSON.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading

import uvicorn

from entitlements import Entitlements
from entitlements.demo.application import build


def main(listener: socket.socket) -> None:
    """Serve until stdin ends, which it does also when the parent dies without a word."""
    with listener, Entitlements() as entitlements:
        config = uvicorn.Config(
            build(entitlements, json.loads(os.environ["DEMO_USERS"])),
            lifespan="off",
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        threading.Thread(target=_stop_with_stdin, args=(server,), daemon=True).start()
        server.run([listener])


def _stop_with_stdin(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
