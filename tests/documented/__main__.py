"""Runs every command that README and docs name: `python -m tests.documented [--fresh] [--quick] [--only WORDS]`.

With `--fresh` in a clone that is set up from nothing (`make documented-commands`); else with the packages that are
here, which is what CI does. Needs nothing but Python. What is not run is listed with its reason.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.documented.extract import commands
from tests.documented.place import UP, alone, borrow, clone, environment
from tests.documented.plan import Listed, RunBy
from tests.documented.run import Place, outcomes, way_of


def _listed() -> None:
    seen: dict[str, str] = {}
    for command in commands():
        for line in command.text.splitlines() if command.block else [command.text]:
            way = way_of(line)
            if isinstance(way, Listed):
                seen[line.strip()] = way.note
            elif isinstance(way, RunBy):
                seen[line.strip()] = f"runs in {way.note}"
    for text, reason in seen.items():
        print(f"not here   {text}: {reason}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", action="store_true", help="set the clone up from nothing")
    parser.add_argument("--quick", action="store_true", help="leave out what takes minutes")
    parser.add_argument("--only", default="", help="commands, or pages, with these words in them")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside is not None:
        failed = 0
        for outcome in outcomes(Place(given.inside, environment(given.inside)), not given.quick, given.only):
            failed += bool(outcome.failure)
            said = "FAILED" if outcome.failure else "ok    "
            print(f"{said} {outcome.seconds:4.0f} s  {outcome.command.text}{outcome.remark}", flush=True)
            if outcome.failure:
                print(outcome.failure, flush=True)
        return 1 if failed else 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="documented-") as folder:
        place = clone(Path(folder).resolve())
        if given.fresh:
            subprocess.run(["make", "setup", "web"], cwd=place, env=environment(place), check=True)
        else:
            borrow(place)
        options = ["--inside", str(place), *(["--quick"] if given.quick else []), "--only", given.only]
        inside = [str(place / ".venv" / "bin" / "python"), "-m", "tests.documented", *options]
        beginning = alone()
        if not beginning:
            print("this system gives no network of its own: the commands use the ports of this one", flush=True)
        command = [*beginning, "bash", "-c", f'{UP}; exec "$@"', "bash", *inside] if beginning else inside
        process = subprocess.Popen(command, cwd=place, env=environment(place))
        try:
            code = process.wait()
        finally:
            # all that was started ends with it, also when this is ended from outside
            process.kill()
            process.wait()
    _listed()
    return code


if __name__ == "__main__":
    sys.exit(main())
