"""Lets the tests run from a bare checkout: where ``knowhow`` is not installed, the repository root stands in for it."""

import importlib.util
import sys
import types
from pathlib import Path

if importlib.util.find_spec("knowhow") is None:
    package = types.ModuleType("knowhow")
    package.__path__ = [str(Path(__file__).resolve().parents[1])]
    sys.modules["knowhow"] = package
