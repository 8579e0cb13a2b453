"""The distribution: the wheel holds the whole of ``knowhow`` and nothing else, and works away from the checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("agents", "memory", "environments", "training", "evals")
FILES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "py.typed", "Makefile", "constraints.txt")
RUBBISH = shutil.ignore_patterns("__pycache__", ".*")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is packed, so that no build folder of the checkout plays a part."""
    copy = tmp_path_factory.mktemp("source")
    for folder in (*FOLDERS, "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=RUBBISH)
    for file in FILES:
        shutil.copy(ROOT / file, copy)
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel made of the source distribution made of the copy, so that neither may lack a file."""
    made = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(made), str(source), cwd=made)
    (path,) = made.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment's interpreter: ``knowhow`` from the wheel, what it needs from the environment of the tests."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    _run(sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(wheel), cwd=home)
    (packages,) = home.glob("lib/python*/site-packages")
    # Lines of a .pth become paths whose own .pth files are not read: an editable checkout does not come along.
    (packages / "needs.pth").write_text(
        "\n".join(sorted({sysconfig.get_path(name) for name in ("purelib", "platlib")}))
    )
    return python


def _run(*command: str, cwd: Path) -> str:
    environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_the_wheel_holds_every_file_of_the_folders_and_nothing_beside_knowhow(source: Path, wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    there = {
        f"knowhow/{path.relative_to(source)}"
        for folder in FOLDERS
        for path in (source / folder).rglob("*")
        if path.is_file()
    }
    assert packed == there | {"knowhow/py.typed"}


def test_every_module_of_the_wheel_is_imported_from_where_it_was_installed(python: Path, tmp_path: Path) -> None:
    program = """
import importlib, json, pkgutil
found = {}
for folder in %r:
    package = importlib.import_module(f"knowhow.{folder}")
    found[package.__name__] = package.__file__
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        found[module.name] = importlib.import_module(module.name).__file__
print(json.dumps(found))
"""
    found = json.loads(_run(str(python), "-c", program % (FOLDERS,), cwd=tmp_path))
    assert {"knowhow.agents.methods.self_refine", "knowhow.memory.banks.playbook", "knowhow.evals.cli"} <= found.keys()
    elsewhere = {name: path for name, path in found.items() if not Path(path).is_relative_to(python.parents[1])}
    assert elsewhere == {}


@pytest.mark.parametrize("command", [["bin/python", "-m", "knowhow.evals.cli"], ["bin/knowhow"]])
def test_the_installed_command_lists_the_suites(command: list[str], python: Path, tmp_path: Path) -> None:
    program = str(python.parents[1] / command[0])
    told = json.loads(_run(program, *command[1:], "suites", "--json", cwd=tmp_path).splitlines()[-1])
    assert {"household", "alfworld"} <= {suite["name"] for suite in told["suites"]}


def test_the_installed_command_plays_an_episode_with_the_prompts_of_the_wheel(python: Path, tmp_path: Path) -> None:
    options = ["--suite", "household", "--episodes", "2", "--out", "played", "--json"]
    told = json.loads(_run(str(python.with_name("knowhow")), "run", *options, cwd=tmp_path).splitlines()[-1])
    assert (told["episodes"], told["errors"]) == (2, 0)
    assert told["mean_steps"] > 0
    assert (tmp_path / "played").is_dir()


def test_every_direct_dependency_is_pinned_within_its_range() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [
        line for extra in ("dev", "alfworld", "worlds", "web", "browsergym", "data", "mcp") for line in extras[extra]
    ]
    wanted = [Requirement(line) for line in (*project["dependencies"], *lines)]
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    known = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pins.items()}
    strange = [
        f"{one} has {known.get(one.name.lower())}"
        for one in wanted
        if known.get(one.name.lower(), "") not in one.specifier
    ]
    assert strange == []
