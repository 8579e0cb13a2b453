"""The program ``knowhow``, run in this process, and what it says."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from knowhow.evals.cli import main


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def told(self) -> Any:
        """The one JSON line."""
        assert self.code == 0, self.err
        assert self.out.endswith("\n") and self.out.count("\n") == 1, self.out
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line of an error."""
        assert self.code not in (0, None) and self.out == "", (self.code, self.out)
        assert "Traceback" not in self.err
        *_, last = self.err.splitlines()
        assert last.startswith("error: ") and self.err.count("error:") == 1, self.err
        return last.removeprefix("error: ")


def knowhow(*words: object, typed: str = "") -> Said:
    """The program with these words; ``typed`` is what a person types."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    argv = patch.object(sys, "argv", ["knowhow", *map(str, words)])
    with argv, patch.object(sys, "stdin", io.StringIO(typed)), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Said(code, out.getvalue(), err.getvalue())
