"""The log as JSON lines, each with the id of its run: what a run does, and what the parts of Knowhow warn of."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from knowhow.agents.tracing import RUN
from knowhow.environments.errors import BadSetting
from knowhow.environments.redact import redacted
from knowhow.environments.types import StopReason, Trajectory, Usage
from knowhow.evals.watch import Watch
from knowhow.memory.codec import encode
from knowhow.memory.evolve import Round

_log = logging.getLogger(__name__)
_OURS = "knowhow"


class Logged:
    """Another ``Watch``; what it is told is logged too."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def phase(self, name: str, total: int, done: int = 0) -> None:
        _log.info("phase", extra={"said": {"phase": name, "episodes": total, "stored": done}})
        self._watch.phase(name, total, done)

    def episode(self, trajectory: Trajectory, spent: Usage) -> None:
        if _log.isEnabledFor(logging.INFO):
            level = logging.WARNING if trajectory.stop is StopReason.ERROR else logging.INFO
            _log.log(level, "episode", extra={"said": _told(trajectory, spent)})
        self._watch.episode(trajectory, spent)

    def round(self, done: Round) -> None:
        _log.info("round", extra={"said": encode(done)})
        self._watch.round(done)


class Lines(logging.Formatter):
    """One JSON object a record, without keys."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "run": RUN.get(),
            "message": record.getMessage(),
            **getattr(record, "said", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: redacted(said) if isinstance(said, str) else said for name, said in line.items()})


@contextmanager
def logged(to: str) -> Iterator[None]:
    """Log what Knowhow does inside to the file ``to``, "-" for stderr, empty for nowhere. Raises: BadSetting."""
    if not to:
        yield
        return
    ours, handler = logging.getLogger(_OURS), _handler(to)
    level = ours.level
    handler.setFormatter(Lines())
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.setLevel(level)
        ours.removeHandler(handler)
        handler.close()


def _handler(to: str) -> logging.Handler:
    if to == "-":
        return logging.StreamHandler()
    try:
        return logging.FileHandler(Path(to).expanduser(), encoding="utf-8")
    except OSError as error:
        raise BadSetting(f"cannot write the log {to}: {error.strerror}; name another file") from None


def _told(trajectory: Trajectory, spent: Usage) -> dict[str, object]:
    task = trajectory.task
    told = {
        "episode": trajectory.id,
        "task": task.id,
        "split": task.split,
        "seed": trajectory.seed,
        "reward": trajectory.reward,
        "stop": str(trajectory.stop),
        "steps": len(trajectory.steps),
        "seconds": round(trajectory.seconds, 3),
        "calls": spent.calls,
        "tokens": spent.tokens,
        "cost_usd": round(spent.cost_usd, 6),
    }
    return told | ({"error": trajectory.error} if trajectory.error else {})
