"""The demo, as `make demo` runs it: in a process of its own, by its exit status and by what it says."""

import os
import re
import signal
import subprocess
import sys
from functools import partial

import pytest
from controlled import wait_for
from typer.testing import CliRunner

from entitlements.cli.app import app
from entitlements.demo.process import ApplicationProcess

COMMAND = [sys.executable, "-m", "entitlements", "demo"]
PLAIN = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100", "PYTHONWARNINGS": "error"}


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def walked():
    return subprocess.run(COMMAND, env=PLAIN, capture_output=True, text=True, timeout=40, check=False)


def test_the_demo_succeeds_quickly_and_has_nothing_to_complain_about(walked):
    """The demo exits with 0, and writes neither a warning nor an error."""
    assert (walked.returncode, walked.stderr) == (0, "")


def test_the_demo_tells_its_story_in_order(walked):
    """Refused, bought, admitted, an outage, cancelled, the cost of a check: each is told with what was answered."""
    cells = [
        "402 Payment Required",
        "Pro or Business would unlock it",
        "active",
        "200 OK",
        "signed webhooks",
        "after buying",
        "200 OK",
        "by what was known",
        "503 Service Unavailable",
        "cannot tell; no upsell; retry in",
        "200 OK",
        "402 Payment Required",
        "Pro or Business would unlock it",
        "after cancelling",
        "times a bare dict and set",
        "0 calls to Stripe",
        "Every step did what it says.",
    ]
    assert re.search(".*".join(map(re.escape, cells)), walked.stdout, re.DOTALL), walked.stdout


def test_the_demo_keeps_to_the_width_and_plainness_it_is_given(walked):
    """With NO_COLOR, and on no terminal, there are no escape codes and no line is wider than it may be."""
    assert "\x1b" not in walked.stdout
    assert max(map(len, walked.stdout.splitlines())) <= 100


@pytest.fixture
def _interruptible():
    """Let children be interrupted, even where the tests run in a shell's background, which ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_an_interrupted_demo_leaves_no_process_behind(how, status):
    """Whether the demo is interrupted or killed outright, its application ends."""
    with subprocess.Popen(COMMAND, env=PLAIN, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        told = next(found for line in demo.stdout if (found := re.search(r"process (\d+)", line)))
        application = int(told[1])
        assert is_running(application)
        demo.send_signal(how)
        demo.communicate(timeout=20)
    assert demo.returncode == status
    wait_for(lambda: not is_running(application))


def test_a_demo_that_fails_names_the_step_and_shows_what_the_application_said(monkeypatch):
    """With an application that can't work, the demo exits with 1 and says where, and why."""
    broken = partial(ApplicationProcess, "entitlements.demo.nowhere")
    monkeypatch.setattr("entitlements.demo.walk.ApplicationProcess", broken)
    told = CliRunner().invoke(app, ["demo"])
    assert told.exit_code == 1
    assert told.stderr.startswith("entitlements: step 0 (setting up) did not do what it says: the application did not")
    assert told.stderr.endswith("No module named entitlements.demo.nowhere\n")
