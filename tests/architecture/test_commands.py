"""Commands start wherever they are typed: packages of the same names do not shadow ours, and start-up stays light."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib

import pytest

from bulkhead.cli import COMMANDS
from tests.architecture.sources import ROOT
from tests.architecture.test_repository import tracked

#: What a command must not load before it needs it: each costs a tenth of a second or more.
HEAVY = ("numpy", "httpx", "eth_account", "scipy", "pandas", "aiohttp", "web3")


def programs(folder: str) -> list[str]:
    """Modules of a folder that can be run."""
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in tracked()
        if path.is_relative_to(ROOT / folder) and path.suffix == ".py" and "__main__" in path.read_text()
    ]


@pytest.fixture(scope="module")
def shadows(tmp_path_factory) -> dict[str, str]:
    """An environment in which installed packages are called as our folders are."""
    folder = tmp_path_factory.mktemp("installed")
    for name in ("tests", "benchmarks"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise ImportError('the installed package of this name')\n")
    return {**os.environ, "PYTHONPATH": str(folder)}


@pytest.mark.parametrize("module", programs("benchmarks"))
def test_benchmark__beside_an_installed_package_of_that_name__starts(module, shadows):
    command = [sys.executable, "-m", module, "--help"]
    done = subprocess.run(command, cwd=ROOT, env=shadows, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_tests__beside_an_installed_package_of_that_name__can_be_run_as_modules(shadows):
    command = [sys.executable, "-c", "import tests.architecture.snapshots, tests.vectors.make_orders"]
    done = subprocess.run(command, cwd=ROOT, env=shadows, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_files__name_modules_and_no_scripts_to_run():
    # a script's own folder comes before the root on the path, and installed packages before both
    script = re.compile(r"python3? +(?:benchmarks|docs|scripts|tests)/")
    named = [
        str(path.relative_to(ROOT))
        for path in tracked()
        if path.suffix in (".md", ".py", ".sh", ".yaml", ".yml") or path.name in ("Makefile", "run")
        if script.search(path.read_text())
    ]
    assert not named


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"calibrate", "keeper"}))
def test_command__its_help__loads_nothing_heavy(name):
    program = (
        "import sys; from bulkhead.cli import main; "
        f"main([{name!r}, '--help'], standalone_mode=False); "
        f"print(*(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "Usage" in done.stdout, done.stderr
    assert done.stderr.split() == []


def imported() -> set[str]:
    """Top-level packages that the package's files import."""
    found: set[str] = set()
    for path in tracked():
        if path.is_relative_to(ROOT / "bulkhead") and path.suffix == ".py":
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom):
                    found.add((node.module or "").partition(".")[0])
    return found - sys.stdlib_module_names - {"bulkhead"}


def test_dependencies__are_what_the_package_imports():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    declared = {re.split(r"[<>=!~\[ ]", line)[0].lower().replace("-", "_") for line in lines}
    # SQLAlchemy loads the driver of PostgreSQL; two packages are imported by other names
    assert imported() == declared - {"psycopg", "pyyaml", "safe_pysha3"} | {"yaml", "sha3"}
