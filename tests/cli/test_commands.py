"""The command line: what a person types, and what comes back."""

import os
import subprocess
import sys
from importlib.metadata import version

import pytest


def entitlements(*arguments):
    command = [sys.executable, "-m", "entitlements", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def without(module, *arguments):
    """Run a command in an interpreter that hasn't got a module."""
    code = f"import sys; sys.modules[{module!r}] = None; from entitlements.__main__ import main; main()"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_the_version_is_the_installed_one():
    """`--version` says which version is installed."""
    assert entitlements("--version").stdout == f"entitlements {version('entitlements')}\n"


def test_help_names_every_command():
    """`--help` lists what there is to run."""
    told = entitlements("--help")
    assert told.returncode == 0
    assert "demo" in told.stdout
    assert "emulator" in told.stdout


@pytest.mark.parametrize("module", ["typer", "rich"])
def test_without_its_extra_the_command_line_says_what_to_install(module):
    """A missing extra is one line and status 2, not a traceback."""
    told = without(module, "--help")
    expected = f"entitlements: the command line needs {module}: pip install 'entitlements[cli]'\n"
    assert (told.returncode, told.stdout, told.stderr) == (2, "", expected)


@pytest.mark.parametrize("command", ["demo", "emulator"])
def test_without_the_emulators_extra_its_commands_say_what_to_install(command):
    """The commands that need the emulator name its extra."""
    told = without("uvicorn", command)
    expected = "entitlements: this command needs uvicorn: pip install 'entitlements[cli,emulator]'\n"
    assert (told.returncode, told.stdout, told.stderr) == (2, "", expected)


def test_an_unknown_command_is_a_usage_error():
    """A misspelt command has status 2 and no traceback."""
    told = entitlements("emulate")
    assert told.returncode == 2
    assert "Traceback" not in told.stderr


def test_a_terminal_that_lacks_a_letter_is_no_reason_to_stop():
    """What an encoding can't write becomes a question mark."""
    code = "from entitlements.cli.terminal import out; out().print('a → b')"
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    told = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=30, check=False
    )
    assert (told.stdout, told.stderr) == ("a ? b\n", "")
