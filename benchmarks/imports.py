"""What it takes to import the library: a whole process that does, beside one that imports stripe's."""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from harness import Goal, table, verdict

GOAL: Final = 0.4
_PAIRS: Final = 15
_PROGRAMS: Final = {
    "python, nothing imported": "pass",
    "import entitlements": "import entitlements",
    "import stripe": "import stripe",
}


def run(program: str, compiled: str) -> float:
    """Time a whole process, in seconds."""
    # Byte code is kept, as it is where packages are installed, whatever this process was told about that.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = perf_counter()
    subprocess.run([sys.executable, "-c", program], env={**inherited, "PYTHONPYCACHEPREFIX": compiled}, check=True)
    return perf_counter() - began


def main() -> int:
    with TemporaryDirectory() as compiled:
        for program in _PROGRAMS.values():
            run(program, compiled)  # compiles, and fills the file cache
        rounds = [{name: run(program, compiled) for name, program in _PROGRAMS.items()} for _ in range(_PAIRS)]
    ratios = {name: median(each[name] / each["import stripe"] for each in rounds) for name in _PROGRAMS}
    rows = [
        [name, f"{median(times) * 1000:.0f}", f"{min(times) * 1000:.0f}", f"{ratios[name]:.2f}"]
        for name in _PROGRAMS
        for times in [[each[name] for each in rounds]]
    ]
    table("a whole process", ["", "ms, median", "least", "of stripe's"], rows)
    return verdict(Goal("import entitlements, against import stripe", ratios["import entitlements"], GOAL, " times"))


if __name__ == "__main__":
    sys.exit(main())
