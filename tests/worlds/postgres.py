"""A PostgreSQL of one's own: a cluster in a temporary folder, listening at a socket in it only."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: Where Debian puts the programs of each version.
DEBIAN = Path("/usr/lib/postgresql")


def find_programs() -> Path | None:
    """Folder with initdb and pg_ctl."""
    found = sorted(DEBIAN.glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    known = shutil.which("initdb")
    return None if known is None else Path(known).parent


@dataclass
class Cluster:
    """A cluster that runs.

    Attributes:
        programs: Folder with its programs.
        folder: Where its data and its socket are.
    """

    programs: Path
    folder: Path

    def run(self, *command: str) -> None:
        """Runs a program of PostgreSQL, which never runs as root."""
        prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        program = [*prefix, str(self.programs / command[0]), *command[1:]]
        done = subprocess.run(program, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        assert done.returncode == 0, done.stdout.decode()

    def url(self, name: str) -> str:
        """URL of a database."""
        user = "postgres" if os.geteuid() == 0 else os.environ.get("USER", "postgres")
        return f"postgresql://{user}@/{name}?host={self.folder}&port=5432"

    def create(self) -> str:
        """A new empty database; its URL."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self.run("createdb", "-h", str(self.folder), "-p", "5432", name)
        return self.url(name)

    def start(self) -> None:
        """Starts it."""
        options = f"-k {self.folder} -p 5432 -c listen_addresses='' -c fsync=off"
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-l", f"{self.folder}/log", "-o", options, "start")

    def stop(self) -> None:
        """Stops it at once, as a machine that loses its power does."""
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-m", "immediate", "stop")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Starts one and ends it."""
    programs = find_programs()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="bulkhead-pg-"))
    folder.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    one = Cluster(programs, folder)
    try:
        one.run("initdb", "-D", f"{folder}/data", "-A", "trust", "-N")
        one.start()
        try:
            yield one
        finally:
            one.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
