"""Self-correction: what is mended and what is spoiled, how surely, and by what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from program import knowhow

from knowhow.environments.types import Feedback, Task, Trajectory
from knowhow.evals.folder import RunFolder
from knowhow.evals.self_correction import Table, figures
from knowhow.evals.settings import Settings

HERE = Path(__file__).parent
SETTINGS = {"suite": f"{HERE / 'doors.py'}:Doors", "episodes": 6, "seed": 1}


def kept(folder: Path, rewards: Sequence[tuple[float, ...]], method: str = "", **changed: object) -> Path:
    """A run whose episodes came to the last reward each; those before it are of earlier attempts."""
    given: dict[str, object] = {**SETTINGS, "method": method, **changed}
    with RunFolder.create(folder, "run", Settings(**given)) as made:  # type: ignore[arg-type]
        for place, tried in enumerate(rewards):
            task = Task(f"door {place}", "doors", "validation", "door", "open it")
            episode = Trajectory(f"e{place}", task, 0, Feedback(""), reward=tried[-1], tried=tried if tried[1:] else ())
            made.episodes.put(episode, phase="run", round=0, index=place)
    return folder


def runs(tmp_path: Path, before: Sequence[float], after: Sequence[float], **changed: object) -> tuple[Path, Path]:
    plain = kept(tmp_path / "plain", [(one,) for one in before])
    return plain, kept(tmp_path / "refined", [(one,) for one in after], "self_refine", **changed)


def test_the_two_rates_are_told_apart_where_the_gain_is_the_same() -> None:
    for table, level, score in ((Table(40, 10, 20, 30), 0.8, 0.4), (Table(50, 0, 10, 40), 1.0, 0.2)):
        found = figures(table)
        assert (found["before"], found["after"]) == (0.5, 0.6)
        assert (found["confidence_level"], found["critique_score"]) == (pytest.approx(level), pytest.approx(score))
        assert found["confidence_level_ci95"][0] < level <= found["confidence_level_ci95"][1]
    none_wrong = figures(Table(right_right=3, right_wrong=1))
    assert none_wrong["critique_score"] is None and none_wrong["critique_score_ci95"] == (0, 1)


@pytest.mark.parametrize(
    ("spoiled", "mended", "p"), [(0, 0, 1.0), (0, 5, 0.0625), (5, 0, 0.0625), (1, 9, 0.021484375), (5, 5, 1.0)]
)
def test_the_test_is_exact(spoiled: int, mended: int, p: float) -> None:
    assert figures(Table(10, spoiled, mended, 10))["p"] == pytest.approx(p)  # twice the binomial tail, by hand


def test_a_few_changes_tell_nothing_and_many_tell_the_way() -> None:
    assert figures(Table(10, 1, 4, 10))["says"] == "cannot tell whether it helps: 4 mended, 1 spoiled"
    assert figures(Table(10, 1, 12, 10))["says"] == "it mends more than it spoils"
    assert figures(Table(10, 12, 1, 10))["says"] == "it spoils more than it mends"


def test_two_runs_are_paired_by_task_and_told_as_intrinsic(tmp_path: Path) -> None:
    plain, refined = runs(tmp_path, [1, 1, 0, 0, 0, 1], [1, 0, 1, 0, 0.5])
    found = knowhow("self-correction", plain, refined, "--json").told
    cells = [found[name] for name in ("right_right", "right_wrong", "wrong_right", "wrong_wrong")]
    assert cells == [1, 1, 1, 2] and (found["episodes"], found["unpaired"]) == (5, 1)
    assert (found["by"], found["before_by"], found["differs"]) == ("intrinsic", "none", [])
    said = knowhow("self-correction", plain, refined).out
    assert "self_refine, which corrects by its own judgement alone (intrinsic)" in said
    assert "confidence level 50.0%" in said and "critique score 33.3%" in said


def test_stopping_by_the_label_is_called_that_and_the_first_attempt_is_before(tmp_path: Path) -> None:
    attempts = [(1.0,), (0.0, 1.0), (0.0, 0.0, 1.0), (0.0, 0.0)]
    shown = {"suite": f"{HERE / 'doors.py'}:OpenDoors"}
    run = kept(tmp_path / "shown", [(*one, one[-1]) if len(one) == 1 else one for one in attempts], "retry", **shown)
    found = knowhow("self-correction", run, "--json").told
    assert (found["by"], found["right_right"], found["wrong_right"], found["wrong_wrong"]) == ("oracle", 1, 2, 1)
    assert found["confidence_level"] == 1  # what the label stopped cannot be spoiled
    assert "an upper bound" in knowhow("self-correction", run).out
    hidden = kept(tmp_path / "hidden", attempts[1:], "retry")
    assert knowhow("self-correction", hidden, "--json").told["by"] == "external"


def test_a_real_search_keeps_its_first_attempts(tmp_path: Path) -> None:
    words = ("run", "--suite", f"{HERE / 'doors.py'}:OpenDoors", "--episodes", 12, "--method", "retry(n=4)")
    assert knowhow(*words, "--out", tmp_path / "run", "--json").code == 0
    found = knowhow("self-correction", tmp_path / "run", "--json").told
    assert found["episodes"] == 12 and found["unpaired"] == 0
    assert found["right_wrong"] == 0 and found["by"] == "oracle"


def test_runs_that_cannot_be_compared_are_one_line_and_other_differences_are_told(tmp_path: Path) -> None:
    plain, other = runs(tmp_path, [1, 0], [1, 1], seed=2)
    assert "has seed=1" in knowhow("self-correction", plain, other).complaint
    assert "keeps no first attempts; give a run without" in knowhow("self-correction", plain).complaint
    strong = kept(tmp_path / "strong", [(1.0,), (1.0,)], "self_refine", model="openai:large")
    said = knowhow("self-correction", plain, strong)
    assert "the runs differ in more than the method, model: 'novice', 'openai:large'" in said.out
    shuffled = tmp_path / "shuffled"
    with RunFolder.create(shuffled, "run", Settings(**SETTINGS)) as made:  # type: ignore[arg-type]
        task = Task("door 9", "doors", "validation", "door", "open it")
        made.episodes.put(Trajectory("x", task, 0, Feedback(""), reward=1.0), phase="run", round=0, index=0)
    assert "did not play the same tasks: 'door 0' and" in knowhow("self-correction", plain, shuffled).complaint
