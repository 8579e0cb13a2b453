"""What was sampled, for the trainer: one JSON object a line."""

from __future__ import annotations

import json
import time
from pathlib import Path

from knowhow.agents.local.chat import Reply
from knowhow.agents.local.types import Sampling

FILE = "samples.jsonl"


class Record:
    """Appends to ``FILE`` in a folder; a line is on the disk's side of this process before its reply is sent."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / FILE).open("a", encoding="utf-8")

    def add(self, id: str, model: str, sampling: Sampling, reply: Reply) -> None:
        """``model`` as in ``Sample.model``; log-probabilities are those at temperature 1."""
        made = reply.generated
        told = {
            "id": id,
            "time": time.time(),
            "model": model,
            "prompt": made.prompt,
            "tokens": made.ids,
            "logprobs": made.logprobs,
            "seed": sampling.seed,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "finish": made.finish,
        }
        self._file.write(json.dumps(told) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()
