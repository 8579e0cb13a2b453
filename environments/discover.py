"""Finding parts by name.

A name is a file of a sub-package, an entry point of the same group, ``package.module:Name`` or ``path/file.py:Name``. A
specification may carry settings as in a call: ``self_consistency(n=5)``. There is no table of names to edit.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points
from math import inf
from pathlib import Path
from types import ModuleType
from typing import Any

from knowhow.environments.errors import BadSetting, MissingExtra, UnknownName
from knowhow.environments.fitting import fit


def names(package: str) -> list[str]:
    """The names that ``find`` knows in a sub-package (``knowhow.environments.suites``, say): files and entry points."""
    files = (module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__))
    return sorted({*(name for name in files if not name.startswith("_")), *(point.name for point in _points(package))})


def find(package: str, name: str) -> Any:
    """The object that a name stands for: in ``self_refine.py``, ``self_refine``; in ``household.py``, ``Household``.

    Raises: UnknownName with the nearest matches; MissingExtra where the file's own imports are not installed.
    """
    if ":" in name:
        return _at(name)
    if name in {module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__)}:
        return _named(_import(f"{package}.{name}"), name)
    for point in _points(package):
        if point.name == name:
            return point.load()
    if name.endswith(".py"):
        raise UnknownName(f"{name} is a file; name what to take from it, as in {name}:Name")
    kind = re.sub("ies$", "ys", package.rsplit(".", 1)[-1])
    raise unknown(re.sub("(?<=ch)es$|s$", "", kind), name, names(package))


def unknown(kind: str, name: str, known: Sequence[str]) -> UnknownName:
    """The error for a name that is not among ``known``, with the nearest matches."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    return UnknownName(f"there is no {kind} {name!r}; {hint}")


def build(package: str, specification: str, *arguments: Any) -> Any:
    """Call what ``name(setting=value)`` stands for with ``arguments`` and the settings.

    Raises: as ``find``; BadSetting where the settings do not fit.
    """
    name, settings = parse(specification)
    made = find(package, name)
    fit(made, name, settings, len(arguments))
    try:
        return made(*arguments, **settings)
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is None:
            raise BadSetting(f"{specification!r}: {error}") from None
        raise


def parse(specification: str) -> tuple[str, dict[str, Any]]:
    """``name`` or ``name(setting=value, ...)`` as its name and settings. Raises: BadSetting."""
    name, bracket, rest = specification.strip().partition("(")
    if not bracket:
        return name, {}
    try:
        node = ast.parse(f"f({rest}", mode="eval").body
        if not isinstance(node, ast.Call) or node.args:
            raise ValueError("settings have the form name=value")
        return name.strip(), {str(word.arg): _value(word.value, f"f({rest}") for word in node.keywords}
    except (SyntaxError, ValueError) as error:
        raise BadSetting(f"{specification!r} cannot be read: {error}; write it as name(setting=value)") from None


def _value(node: ast.expr, source: str) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        text = ast.get_source_segment(source, node)
        raise ValueError(f"{text} is no value; a text has quotes, as in {text!r}") from None


def at_least(least: int, **settings: object) -> None:
    """Raises: BadSetting where one of the settings is no whole number of at least ``least``."""
    for name, value in settings.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise BadSetting(f"{name}={value!r} must be a whole number of at least {least}")


def between(least: float, most: float, **settings: object) -> None:
    """Raises: BadSetting where one of the settings is no number from ``least`` to ``most``."""
    for name, value in settings.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            raise BadSetting(f"{name}={value!r} must be a number from {least:g} to {most:g}")


def positive(**settings: object) -> None:
    """Raises: BadSetting where one of the settings is no finite number above 0."""
    for name, value in settings.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < inf:
            raise BadSetting(f"{name}={value!r} must be a number above 0")


def one_of(known: Sequence[str], **settings: str) -> None:
    """Raises: BadSetting for the first setting that is none of the ``known`` words."""
    for name, value in settings.items():
        if value not in known:
            raise BadSetting(f"{name}={value!r} is none of {', '.join(known)}")


def split_list(text: str) -> list[str]:
    """Comma-separated specifications, commas inside brackets left alone: ``a(x=1, y=2), b`` is two."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [part.strip() for part in (*parts, text[start:]) if part.strip()]


def _points(package: str) -> list[Any]:
    return list(entry_points(group=package))


def _named(module: ModuleType, name: str) -> Any:
    camel = "".join(part.capitalize() for part in name.split("_"))
    for attribute in (name, camel):
        if hasattr(module, attribute):
            return getattr(module, attribute)
    raise UnknownName(f"{module.__file__} defines neither {name} nor {camel}")


def _at(reference: str) -> Any:
    where, _, name = reference.rpartition(":")
    module = _load_file(Path(where)) if where.endswith(".py") else _load_module(where)
    if not hasattr(module, name):
        raise UnknownName(f"{where} defines no {name!r}")
    return getattr(module, name)


def _load_module(where: str) -> ModuleType:
    try:
        return _import(where)
    except MissingExtra as error:
        if error.name and where.startswith(error.name):
            raise UnknownName(f"there is no module {where!r}; a file is written path/to/file.py:Name") from None
        raise


def _import(where: str) -> ModuleType:
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        lacking = f"{where} needs the package {error.name}, which is not installed"
        raise MissingExtra(lacking, name=error.name) from error


def _load_file(path: Path) -> ModuleType:
    path = path.expanduser().resolve()
    if not path.is_file():
        raise UnknownName(f"there is no file {path}")
    name = f"knowhow_file_{path.stem}_{abs(hash(str(path)))}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UnknownName(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # as a script may, it imports what lies beside it
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, SyntaxError):
            raise BadSetting(f"{path} is no Python: {error}") from error
        if isinstance(error, ModuleNotFoundError):
            raise MissingExtra(f"{path} needs the package {error.name}, which is not installed") from error
        raise
    return module
