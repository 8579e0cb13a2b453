"""A language model in this process, for many concurrent requests of any thread and event loop."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from knowhow.agents.local.types import Generated, Sampling, Token
from knowhow.environments.errors import BadSetting, MissingExtra, ModelError

if TYPE_CHECKING:
    from knowhow.agents.local._worker import Worker

T = TypeVar("T")

KEPT_BYTES = 1 << 30
"""The most bytes of keys and values that are kept of sequences nobody goes on with at the moment."""


class Engine:
    """The model in a folder, on the first CUDA device where there is one, else on the CPU in float32.

    ``window`` is its context window in tokens. Requests of any thread and event loop run together: each joins the
    others at the next token, and its reply does not depend on who they are (but for the last bits of sums, which a
    processor may add up in another order). What a prompt shares with an earlier prompt and reply is not computed again.

    Raises: MissingExtra without torch, transformers and peft; BadSetting for a folder that holds no such model.
    """

    def __init__(self, path: Path, *, kept_bytes: int = KEPT_BYTES) -> None:
        check_extra()
        if not (path / "config.json").is_file():
            raise BadSetting(
                f"{path} is no model: it has no config.json" if path.is_dir() else f"there is no folder {path}"
            )
        from knowhow.agents.local._loading import load

        self.path = path
        self._worker: Worker = load(path, kept_bytes)
        self.tokenizer: Any = self._worker.tokenizer
        self.window = self._worker.window
        self.ends = self._worker.ends
        # The thread knows the worker alone, so that an engine that nobody holds any more ends it.
        self._thread = threading.Thread(target=self._worker.run, name=f"engine {path.name}", daemon=True)
        self._thread.start()
        self.close = weakref.finalize(self, _end, self._worker, self._thread)

    @property
    def adapters(self) -> tuple[str, ...]:
        """The names of the adapters that are loaded."""
        return self._worker.names

    async def generate(
        self,
        prompt: Sequence[int],
        sampling: Sampling = Sampling(),  # noqa: B008 - it is immutable
        adapter: str = "",
        tell: Callable[[Token], object] | None = None,
    ) -> Generated:
        """The reply to a prompt of token ids, by the adapter of this name, an empty one for the base.

        ``tell`` gets every token when it is drawn, in the engine's thread. Cancelling ends the reply.

        Raises: PromptTooLong; UnknownAdapter; ModelError where the engine was closed.
        """
        return await asyncio.wrap_future(self.submit(prompt, sampling, adapter, tell))

    def submit(
        self,
        prompt: Sequence[int],
        sampling: Sampling = Sampling(),  # noqa: B008
        adapter: str = "",
        tell: Callable[[Token], object] | None = None,
    ) -> Future[Generated]:
        """As ``generate``, for who has no event loop."""
        from knowhow.agents.local._row import Row

        row = Row(prompt, adapter, sampling, tell)
        self._put(partial(self._worker.join, row))
        return row.reply

    def load_adapter(self, name: str, path: Path) -> None:
        """Load the adapter in a folder under a name that no other weights had; replies in progress go on.

        Raises: BadSetting for a name that was used for others, or what is no adapter of this model.
        """
        self._do(partial(self._worker.load, name, path)).result()

    def unload_adapter(self, name: str) -> None:
        """New requests do not get it any more; replies in progress with it are finished first.

        Raises: UnknownAdapter.
        """
        self._do(partial(self._worker.unload, name)).result()

    def _do(self, work: Callable[[], T]) -> Future[T]:
        """What ``work`` returns or raises, in the engine's thread between two tokens."""
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)

        self._put(run)
        return done

    def _put(self, work: Callable[[], None]) -> None:
        if not self._thread.is_alive():
            raise ModelError(f"the engine of {self.path.name} has ended")
        self._worker.work.put(work)


def check_extra() -> None:
    """Raises: MissingExtra."""
    missing = [package for package in ("torch", "transformers", "peft") if find_spec(package) is None]
    if missing:
        raise MissingExtra(f"local models need {missing[0]}; run: pip install 'knowhow-agents[train]'")


def _end(worker: Worker, thread: threading.Thread) -> None:
    worker.work.put(None)
    thread.join(timeout=30)
