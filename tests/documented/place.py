"""Where documented commands run: what a fresh clone holds, in an empty environment, with a network of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.documented.extract import ROOT

#: A network in which only loopback is up: ports are as the documents name them, and nothing is fetched.
ALONE = ("unshare", "--net", "--pid", "--mount-proc", "--fork", "--kill-child")
UP = "ip link set lo up"


def clone(folder: Path) -> Path:
    """The files that git has, as they are in the working tree."""
    target = folder / "bulkhead"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def environment(clone: Path) -> dict[str, str]:
    """Nothing but a home and a path on which the project's programs are, as after activation."""
    home = clone.parent / "home"
    home.mkdir(exist_ok=True)
    system = [p for p in os.environ["PATH"].split(":") if "/.venv/" not in p and "/node_modules/" not in p]
    path = [str(clone / ".venv" / "bin"), str(clone / "node_modules" / ".bin"), *system]
    return {"HOME": str(home), "PATH": ":".join(path), "LANG": "C.UTF-8"}


def borrow(clone: Path) -> None:
    """Takes the packages, and what the compilers left, from here: setting up anew takes minutes.

    A virtual environment of its own sees the installed packages, but the clone in place of this folder.
    """
    here = Path(sys.executable).parent
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone / ".venv"], check=True)
    (packages,) = (clone / ".venv" / "lib").glob("python*/site-packages")
    (installed,) = here.parent.glob("lib/python*/site-packages")
    (packages / "bulkhead.pth").write_text(f"{clone}\n{installed}\n")
    for program in here.iterdir():
        target = clone / ".venv" / "bin" / program.name
        if program.is_file() and not target.exists() and not program.name.lower().startswith("activate"):
            head, _, rest = program.read_bytes().partition(b"\n")
            if head.startswith(b"#!") and b"python" in head:
                target.write_bytes(f"#!{clone}/.venv/bin/python\n".encode() + rest)
                target.chmod(0o755)
            else:
                target.symlink_to(program)
    (clone / "node_modules").symlink_to((ROOT / "node_modules").resolve())
    if (ROOT / "web" / "node_modules").is_dir():
        _borrow_modules((ROOT / "web" / "node_modules").resolve(), clone / "web" / "node_modules")
    for name in (".build", ".cache"):
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("uv", "*.log")
            shutil.copytree(ROOT / name, clone / name, ignore=ignored, dirs_exist_ok=True)
    (clone / ".build").mkdir(exist_ok=True)
    (clone / ".build" / "setup.stamp").touch()


def _borrow_modules(held: Path, target: Path) -> None:
    """Links to the packages of the page; those that are the clone's own folders lead to the clone."""
    target.mkdir()
    for one in held.iterdir():
        if one.is_symlink():
            (target / one.name).symlink_to(one.readlink())
        elif one.name.startswith("@"):
            _borrow_modules(one, target / one.name)
        elif one.is_file():
            shutil.copy(one, target / one.name)
        else:
            (target / one.name).symlink_to(one)


def alone() -> tuple[str, ...]:
    """What a command begins with that gets a network of its own; nothing where the system gives none."""
    for extra in ((), ("--map-root-user",)):
        beginning = (*ALONE, *extra)
        tried = subprocess.run([*beginning, "bash", "-c", UP], capture_output=True, check=False)
        if tried.returncode == 0:
            return beginning
    return ()
