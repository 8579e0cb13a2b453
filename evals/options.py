"""Options that several commands take, each with what it means."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Suite = Annotated[
    str | None, typer.Option(help="A suite: a name (see `knowhow suites`), path/to/file.py:Class or module:Class.")
]
Split = Annotated[str | None, typer.Option(help="train, validation or test; evolve learns from train alone.")]
ModelUri = Annotated[
    str | None, typer.Option(help="A model: novice, openai:NAME, vllm:NAME@URL, http://HOST:PORT/v1#NAME, hf:PATH.")
]
MemoryName = Annotated[
    str | None, typer.Option(help="run: a run folder or none. evolve: bank names, or a run folder to go on from.")
]
Method = Annotated[
    str | None, typer.Option(help="Methods and searches, the leftmost outermost: 'retry(n=3), self_consistency(n=5)'.")
]
Episodes = Annotated[
    int | None, typer.Option(help="How many episodes; for evolve the training episodes of all rounds together.")
]
Seed = Annotated[int | None, typer.Option(help="Decides tasks, their order and every episode's seed.")]
Runs = Annotated[list[Path], typer.Argument(help="Run folders.")]
Phase = Annotated[
    str, typer.Option(help="Whose episodes: run, before, after, withheld; by default run, of an evolution after.")
]
Concurrency = Annotated[int | None, typer.Option(help="Episodes at a time.")]
BudgetUsd = Annotated[float | None, typer.Option(help="Stop before spending more US dollars than this.")]
BudgetCalls = Annotated[
    int | None, typer.Option(help="Stop before sending more model requests than this, retries included.")
]
BudgetTokens = Annotated[
    int | None, typer.Option(help="Stop before using more tokens than this, prompts and replies together.")
]
Cache = Annotated[str | None, typer.Option(help="A file that keeps replies, for exact re-runs at no cost.")]
Out = Annotated[Path | None, typer.Option(help="The run folder to make; runs/... by default.")]
Base = Annotated[
    str | None, typer.Option(help="For a model on a server: the folder of its weights, which adapters are made for.")
]
AllowLeaks = Annotated[
    bool | None,
    typer.Option("--allow-leaks", help="Measure on tasks that were known before, too: see `knowhow leaks`."),
]
Resume = Annotated[
    Path | None, typer.Option(help="Go on with an interrupted run; a larger --budget-... may stand beside it.")
]
Config = Annotated[
    Path | None, typer.Option(help="A YAML file with the same settings; options given here go before it.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object as the last line of stdout, and nothing else there.")
]
Engine = Annotated[
    str | None, typer.Option(help="Where episodes are played: local, ray, 'ray(address=\"HOST:6379\", workers=64)'.")
]
Index = Annotated[
    str | None, typer.Option(help="A Chroma server for the memory's vectors, as in chroma-http://127.0.0.1:8000.")
]
Trace = Annotated[
    str,
    typer.Option(
        help="Send OpenTelemetry spans: otlp (where OTEL_EXPORTER_OTLP_ENDPOINT says), or a file for JSON lines.",
    ),
]
Log = Annotated[str, typer.Option(help="A file for the log as JSON lines with the run's id; - is stderr.")]
Recall = Annotated[
    str | None,
    typer.Option(
        help="Policies of what to recall, and when, applied in order: 'scope, adaptive_k'. See `knowhow banks`."
    ),
]
MemoryTokens = Annotated[int | None, typer.Option(help="Tokens of context for all that is recalled.")]
SameTask = Annotated[
    bool | None, typer.Option("--same-task", help="Show an item to the very task that taught it, too.")
]
Curriculum = Annotated[
    str | None,
    typer.Option(help="Which training tasks come next: uniform, self_evolving(rate=0.3), ... See `knowhow curricula`."),
]
