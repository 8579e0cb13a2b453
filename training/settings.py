"""How long and how strongly to train: what all recipes share."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from knowhow.environments.discover import at_least, names, one_of, positive
from knowhow.environments.errors import BadSetting, MissingExtra

ADAPTERS = "knowhow.training.adapters"
REPORTERS = ("tensorboard", "mlflow", "wandb")


@dataclass(frozen=True, slots=True)
class Tuning:
    """The settings of a training.

    ``epochs`` over the data, unless ``steps`` (0: by epochs) says how many updates to make; ``batch`` rows an update;
    ``rate`` is the peak learning rate, reached after a tenth of the steps and lowered by a cosine. ``rank`` is the
    adapter's, and its alpha is twice that; ``adapter`` a file of ``training/adapters``. ``longest``:
    tokens of a row, what is beyond is cut off. ``save_every``: steps between checkpoints; 0: ten in all, or one in 50
    steps where that is more. ``report_to``: "tensorboard", "mlflow", "wandb", as transformers takes it.
    """

    epochs: float = 3.0
    steps: int = 0
    batch: int = 8
    rate: float = 5e-4
    rank: int = 16
    adapter: str = "lora"
    longest: int = 4096
    save_every: int = 0
    seed: int = 0
    report_to: str = ""

    def __post_init__(self) -> None:
        for name in ("batch", "rank", "longest"):
            if getattr(self, name) < 1:
                raise BadSetting(f"{name} is {getattr(self, name)}; give at least 1")
        positive(rate=self.rate, epochs=self.epochs)
        at_least(0, steps=self.steps, save_every=self.save_every)
        if ":" not in self.adapter:
            one_of(names(ADAPTERS), adapter=self.adapter)
        if self.report_to:
            one_of(REPORTERS, report_to=self.report_to)
            if find_spec(self.report_to) is None:
                raise MissingExtra(f"report_to={self.report_to!r} needs its package: pip install {self.report_to}")

    def updates(self, rows: int) -> int:
        """How many updates so many rows make."""
        return self.steps or max(1, round(self.epochs * rows / self.batch))

    def between_checkpoints(self, updates: int) -> int:
        """Steps, of a training of so many."""
        return self.save_every or min(50, max(1, updates // 10))
