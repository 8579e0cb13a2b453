"""Where in a program an error comes from: for those who write a suite, a method or a bank of their own."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_OTHERS = ("<", *_LIBRARIES, *(str(_ROOT / part) for part in ("agents", "environments", "evals", "memory", "training")))


def blamed(error: BaseException) -> str:
    """The error in one line, with ``file.py:42`` of the innermost line that is neither a library's nor Knowhow's own;
    of the innermost of all where there is none such."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_OTHERS)] or frames
    where = f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""
    return " ".join(f"{type(error).__name__}: {error}".split()) + where
