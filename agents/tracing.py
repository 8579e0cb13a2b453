"""OpenTelemetry spans of what agents do; off, and free, unless ``traced`` is entered.

This is the one place where spans are made. They follow the semantic conventions for generative AI (opentelemetry-
semantic-conventions 0.66b2): ``invoke_agent`` an episode, ``chat`` a request to a model, ``execute_tool`` a call of the
environment's, ``retrieval`` what memory is asked for. What the conventions have no word for is named ``knowhow.*``.
Prompts, replies and arguments are not in them: they are in the run folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from knowhow.environments.errors import BadSetting, MissingExtra
from knowhow.environments.redact import redacted
from knowhow.environments.types import Task, ToolCall, Usage

OTLP, ELSEWHERE = "otlp", "elsewhere"
RUN: ContextVar[str] = ContextVar("knowhow_run", default="")
"""The id of the run that is being worked on, for spans and log lines."""

_tracer: Any = None
_target = ""


class Span:
    """An open span, or none where nothing is traced."""

    __slots__ = ("_span",)

    def __init__(self, span: Any = None) -> None:
        self._span = span

    def tell(self, **said: Any) -> None:
        """Attributes, with ``__`` for the dot; None says nothing."""
        if self._span is not None:
            self._span.set_attributes(_attributes(said))

    def used(self, usage: Usage) -> None:
        self.tell(
            gen_ai__usage__input_tokens=usage.prompt_tokens,
            gen_ai__usage__output_tokens=usage.completion_tokens,
            gen_ai__usage__cache_read__input_tokens=usage.cached_tokens,
        )

    def failed(self, kind: str, why: str) -> None:
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_status(Status(StatusCode.ERROR, redacted(why)))
            self.tell(error__type=kind)


_OFF = nullcontext(Span())


def episode(task: Task, seed: int, model: str) -> AbstractContextManager[Span]:
    """One episode, a trace of its own unless somebody's span is open."""
    return _opened(
        "invoke_agent knowhow",
        gen_ai__operation__name="invoke_agent",
        gen_ai__agent__name="knowhow",
        gen_ai__request__model=model,
        knowhow__suite=task.suite,
        knowhow__task__id=task.id,
        knowhow__task__kind=task.kind,
        knowhow__split=task.split,
        knowhow__seed=seed,
    )


def chat(uri: str, settings: Mapping[str, Any]) -> AbstractContextManager[Span]:
    """One request to a model, as it is sent: a retry is another one."""
    if _tracer is None:
        return _OFF
    scheme, _, name = uri.partition("?")[0].partition(":")
    model = name.rpartition("#")[2].partition("@http")[0] or scheme
    return _opened(
        f"chat {model}",
        client=True,
        gen_ai__operation__name="chat",
        gen_ai__provider__name=scheme,
        gen_ai__request__model=model,
        gen_ai__request__seed=settings.get("seed"),
        gen_ai__request__temperature=settings.get("temperature"),
    )


def tool(call: ToolCall) -> AbstractContextManager[Span]:
    """One call of a tool, the environment's or one that memory offers."""
    return _opened(f"execute_tool {call.name}", gen_ai__operation__name="execute_tool", gen_ai__tool__name=call.name)


def recall(task: Task) -> AbstractContextManager[Span]:
    """What memory offers for an episode."""
    return _opened("retrieval memory", gen_ai__operation__name="retrieval", knowhow__task__id=task.id)


def edits(note: str) -> AbstractContextManager[Span]:
    """A batch of edits, as it is written to the journal."""
    return _opened("edit memory", knowhow__note=note)


def training(recipe: str, base: str, rows: int) -> AbstractContextManager[Span]:
    """A training, from its rows to an adapter."""
    return _opened(f"train {recipe}", gen_ai__request__model=base, knowhow__recipe=recipe, knowhow__rows=rows)


@contextmanager
def in_run(id: str) -> Iterator[None]:
    """Whatever is traced or logged inside carries the run's id."""
    token = RUN.set(id)
    try:
        yield
    finally:
        RUN.reset(token)


def target() -> str:
    """Where spans go: ``OTLP``, ``ELSEWHERE``, or empty where nothing is traced."""
    return _target


@contextmanager
def traced(to: Any) -> Iterator[None]:
    """Trace all that this process does inside, and send what is left at the end.

    ``to``: "otlp" for where OpenTelemetry's own variables say (OTEL_EXPORTER_OTLP_ENDPOINT, ..._HEADERS; by default a
    collector on this machine), a file that gets one JSON object a line, or a span exporter; empty for nothing.
    Raises: MissingExtra; BadSetting for a file that cannot be written.
    """
    global _tracer, _target
    if not to:
        yield
        return
    provider = _provider(to)
    before = _tracer, _target
    _tracer, _target = provider.get_tracer("knowhow"), OTLP if to == OTLP else ELSEWHERE
    try:
        yield
    finally:
        _tracer, _target = before
        provider.shutdown()


def _provider(to: Any) -> Any:
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = _exporter(to) if isinstance(to, str) else to
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"--trace needs the package {error.name}; run: pip install 'knowhow-agents[tracing]'", name=error.name
        ) from error
    name = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "knowhow"}
    provider = TracerProvider(resource=Resource.create(name))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _exporter(to: str) -> Any:
    if to == OTLP:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter()
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter

    try:
        file = Path(to).expanduser().open("a", encoding="utf-8")
    except OSError as error:
        raise BadSetting(f"cannot write the trace {to}: {error.strerror}; name another file, or otlp") from None

    class File(ConsoleSpanExporter):
        def shutdown(self) -> None:
            file.close()

    return File(out=file, formatter=lambda span: span.to_json(indent=None) + "\n")


def _opened(name: str, *, client: bool = False, **said: Any) -> AbstractContextManager[Span]:
    return _OFF if _tracer is None else _open(name, client, said)


@contextmanager
def _open(name: str, client: bool, said: Mapping[str, Any]) -> Iterator[Span]:
    from opentelemetry.trace import SpanKind

    kind = SpanKind.CLIENT if client else SpanKind.INTERNAL
    given = _attributes({**said, "knowhow__run__id": RUN.get() or None})
    with _tracer.start_as_current_span(
        redacted(name), kind=kind, attributes=given, record_exception=False, set_status_on_exception=False
    ) as made:
        span = Span(made)
        try:
            yield span
        except Exception as error:
            span.failed(type(error).__name__, str(error))
            raise


def _attributes(said: Mapping[str, Any]) -> dict[str, Any]:
    told = {name.replace("__", "."): value for name, value in said.items() if value is not None}
    return {name: redacted(value) if isinstance(value, str) else value for name, value in told.items()}
