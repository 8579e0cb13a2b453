"""The order of the house: imports point down, and importing is not work."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from processes import run

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ("environments", "agents", "memory", "training", "evals")
HEAVY = (
    *("torch", "transformers", "peft", "trl", "datasets", "vllm", "ray", "sentence_transformers"),
    *("chromadb", "onnxruntime", "langchain_openai", "openai", "langgraph"),
    *("alfworld", "textworld", "fast_downward", "playwright", "browsergym"),
    *("gymnasium", "minigrid", "scienceworld", "reasoning_gym", "pyarrow", "mcp", "opentelemetry"),
)

IMPORT_ALL = """
import importlib, importlib.abc, json, os, sys, threading
sys.dont_write_bytecode = True
sys.path.append(PATH)
heavy, modules = set(HEAVY), MODULES

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in heavy:
            raise ModuleNotFoundError(name, name=name)

done = []
WORK = ("socket.connect", "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen", "os.posix_spawn", "os.fork",
        "os.mkdir", "os.remove", "os.rename")

def notice(event, given):
    if event in WORK or (event == "open" and given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
        done.append(f"{event} {given[:2]}")

sys.meta_path.insert(0, Refuse())
sys.addaudithook(notice)
needing = {}
for module in modules:
    try:
        importlib.import_module(module)
    except ImportError as error:
        needing[module] = str(error)
print(json.dumps({"needing": needing, "done": done, "threads": threading.active_count()}))
"""

EAGER = """
import os, sqlite3, threading
from pathlib import Path

os.mkdir(Path(__file__).with_name("made"))
Path(__file__).with_name("written").write_text("")
sqlite3.connect(":memory:")
threading.Thread(target=threading.Event().wait, daemon=True).start()
import torch
"""


def _modules() -> Iterator[str]:
    for layer in LAYERS:
        for path in sorted((ROOT / layer).rglob("*.py")):
            yield ".".join(("knowhow", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


def _named(source: str) -> Iterator[str]:
    """The modules that a source names: in any import, under TYPE_CHECKING too, and as a string by itself."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and re.fullmatch(r"knowhow(\.\w+)+", str(node.value)):
            yield str(node.value)


def _upward(layer: str, source: str) -> list[str]:
    """What a source of a layer may not name: a higher layer, all of ``knowhow``, or a place relative to its own."""
    allowed = re.compile(rf"knowhow\.({'|'.join(LAYERS[: LAYERS.index(layer) + 1])})\b")
    ours = (name for name in _named(source) if re.match(r"\.|knowhow\b", name))
    return [name for name in ours if not allowed.match(name)]


@cache
def _imported(*modules: str, path: str = "") -> dict[str, Any]:
    """What importing modules took, in a process of its own: the heavy they need at once, and the work they did."""
    program = IMPORT_ALL.replace("HEAVY", repr(HEAVY)).replace("MODULES", repr(modules)).replace("PATH", repr(path))
    told: dict[str, Any] = json.loads(run(program).splitlines()[-1])
    return told


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_names_only_itself_and_what_is_below(layer: str) -> None:
    files = list((ROOT / layer).rglob("*.py"))
    assert files
    assert {str(path): found for path in files if (found := _upward(layer, path.read_text()))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import knowhow",
        "import knowhow.memory.types",
        "from knowhow import evals",
        "from knowhow.evals.cli import app",
        "from ..memory import types",
        "def later():\n    from knowhow.training import registry",
        "if TYPE_CHECKING:\n    from knowhow.memory.types import Item",
        "find('knowhow.memory.banks', 'playbook')",
    ],
)
def test_no_way_of_naming_a_higher_layer_goes_unseen(source: str) -> None:
    assert len(_upward("agents", source)) == 1


def test_what_is_below_may_be_named() -> None:
    assert (
        _upward("agents", "import json\nfrom knowhow.environments.types import Task\nfrom knowhow import agents") == []
    )


def test_only_private_modules_import_what_is_heavy_and_nothing_imports_those_at_once() -> None:
    needing = _imported(*_modules())["needing"]
    assert [module for module in needing if not module.rpartition(".")[2].startswith("_")] == [], needing
    assert "knowhow.agents.models._openai_chat" in needing  # the refusal works


def test_importing_starts_nothing_and_writes_nothing() -> None:
    told = _imported(*_modules())
    assert (told["done"], told["threads"]) == ([], 1)


def test_work_at_import_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "eager.py").write_text(EAGER)
    told = _imported("eager", path=str(tmp_path))
    assert [event.split()[0] for event in told["done"]] == ["os.mkdir", "open", "sqlite3.connect"]
    assert (told["needing"], told["threads"]) == ({"eager": "torch"}, 2)


def test_the_command_line_answers_help_without_the_libraries_of_models_and_graphs() -> None:
    told = run("""
import json, sys
from knowhow.evals.cli import app
app(["evolve", "--help"], standalone_mode=False)
print()
print(json.dumps(sorted({"langchain_core", "langgraph", "numpy", "chromadb", "openai"} & sys.modules.keys())))
""")
    assert "--rounds" in told
    assert json.loads(told.splitlines()[-1]) == []
