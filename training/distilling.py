"""A student without memory learns the token distributions of the same model with memory in its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from knowhow.environments.calls import SKILL, tool_name
from knowhow.environments.errors import BadSetting
from knowhow.training.recipe import Job
from knowhow.training.tokens import Row, rows
from knowhow.training.tuning import arguments, open_base, quiet, run, save_whole, with_adapter
from knowhow.training.types import Example
from knowhow.training.unaided import without_memory


@dataclass(frozen=True, slots=True)
class Lesson:
    """The same replies in the teacher's context and in the student's."""

    teacher: Row
    student: Row


def distil(job: Job, examples: Sequence[Example], temperature: float) -> dict[str, Any]:
    """Train an adapter to reply without memory as the base does with it. Raises: as ``Recipe.train``."""
    model, tokenizer = open_base(job.base)
    lessons = [lesson for one in examples for lesson in _lessons(tokenizer, one, job.tuning.longest)]
    if not lessons:
        raise BadSetting(f"none of the {len(examples)} episodes fits into {job.tuning.longest} tokens")
    model = with_adapter(model, job.tuning, job.start, reference=True)
    measured = run(_trainer(model, tokenizer, lessons, job, temperature), job.progress)
    save_whole(model, job.adapter)
    saved = sum(len(lesson.teacher.ids) - len(lesson.student.ids) for lesson in lessons) / len(lessons)
    return {**measured, "rows": len(lessons), "prompt_tokens_saved": round(saved, 1)}


def _lessons(tokenizer: Any, example: Example, longest: int) -> list[Lesson]:
    """Both rows of an episode; none where their replies are not the same tokens, or where one is too long."""
    plain = without_memory(example.messages)
    remembering = tuple(
        old if old["role"] == "system" else new for old, new in zip(example.messages, plain, strict=True)
    )
    own = tuple(tool for tool in example.tools if not tool_name(tool).startswith(SKILL))
    teachers, students = (
        rows(tokenizer, replace(example, messages=messages, tools=tools, samples=()))
        for messages, tools in ((remembering, example.tools), (plain, own))
    )
    pairs = zip(teachers, students, strict=False) if len(teachers) == len(students) else ()
    return [
        Lesson(teacher, student)
        for teacher, student in pairs
        if _replies(teacher) == _replies(student) and max(len(teacher.ids), len(student.ids)) <= longest
    ]


def _replies(row: Row) -> list[int]:
    return [token for token, weight in zip(row.ids, row.weights, strict=True) if weight]


def _trainer(model: Any, tokenizer: Any, lessons: Sequence[Lesson], job: Job, temperature: float) -> Any:
    import torch
    from datasets import Dataset
    from transformers import Trainer

    class Distilling(Trainer):  # type: ignore[misc]
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
            teacher, student = inputs["teacher"], inputs["student"]
            with torch.no_grad(), self.accelerator.unwrap_model(model).disable_adapter():
                known = self.accelerator.unwrap_model(model)(**teacher.ids, use_cache=False).logits
            out = model(**student.ids, use_cache=False)
            loss = divergence(known[:, :-1][teacher.counts], out.logits[:, :-1][student.counts], temperature)
            return (loss, out) if return_outputs else loss

    columns = [
        {
            "teacher_ids": lesson.teacher.ids,
            "teacher_weights": lesson.teacher.weights,
            "student_ids": lesson.student.ids,
            "student_weights": lesson.student.weights,
        }
        for lesson in lessons
    ]
    with quiet():
        return Distilling(
            model=model,
            args=arguments(job.folder, job.tuning, len(lessons)),
            train_dataset=Dataset.from_list(columns),
            processing_class=tokenizer,
            data_collator=_collator(tokenizer.pad_token_id),
        )


def divergence(teacher: Any, student: Any, temperature: float) -> Any:
    """The mean over tokens of the divergence KL(teacher || student) of logits (N, V), in nats."""
    import torch

    known = torch.log_softmax(teacher.float() / temperature, -1)
    told = torch.log_softmax(student.float() / temperature, -1)
    return torch.nn.functional.kl_div(told, known, reduction="batchmean", log_target=True) * temperature**2


@dataclass(frozen=True, slots=True)
class _Side:
    """A padded batch, and where (B, T - 1) the next token counts."""

    ids: dict[str, Any]
    counts: Any

    def to(self, device: Any) -> _Side:
        return _Side({name: part.to(device) for name, part in self.ids.items()}, self.counts.to(device))


def _collator(pad: int) -> Any:
    from knowhow.training.imitating import padded

    collate = padded(pad)

    def both(batch: Sequence[dict[str, Any]]) -> dict[str, _Side]:
        sides = {}
        for side in ("teacher", "student"):
            rows = [{"input_ids": row[f"{side}_ids"], "weights": row[f"{side}_weights"]} for row in batch]
            made = collate(rows)
            weights = made.pop("weights")
            sides[side] = _Side(made, weights[:, 1:] > 0)
        return sides

    return both
