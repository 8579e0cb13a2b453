"""The command line: what it prints for machines, and that whatever a user can mend is one line and loses nothing."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import program
import pytest
from processes import command, run
from program import Said
from runs import COTTAGE, kept, outcome, small

from knowhow.evals import learn
from knowhow.evals.folder import RunFolder

SMALL = ["--suite", COTTAGE, "--episodes", "15", "--rounds", "3", "--validation", "5", "--seed", "1"]
SMALL += ["--withhold-rate", "0"]  # as ``runs.small``
QUICK = ["--suite", COTTAGE, "--episodes", "2", "--rounds", "1", "--validation", "1"]
TWO = ["--suite", COTTAGE, "--episodes", "2"]
REPORT = {
    *("suite", "split", "model", "memory_version", "episodes", "success_rate", "ci95", "mean_reward", "mean_steps"),
    *("model_calls", "prompt_tokens", "cached_tokens", "completion_tokens", "cost_usd", "errors", "seconds"),
}


Knowhow = Callable[..., Said]


@pytest.fixture
def knowhow() -> Knowhow:
    """The program, run in this process."""
    return program.knowhow


@pytest.fixture(scope="module")
def evolved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished evolution."""

    folder = tmp_path_factory.mktemp("evolved") / "run"
    asyncio.run(learn.start(small(), folder))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- for machines ---


def test_run_prints_its_result_as_one_line_of_json(knowhow: Knowhow, tmp_path: Path) -> None:
    said = knowhow("run", *TWO, "--split", "train", "--out", tmp_path / "run", "--json")
    assert set(said.told) >= REPORT
    assert (said.told["episodes"], said.told["split"], said.told["errors"]) == (2, "train", 0)
    assert said.told["model_calls"] > 0
    assert json.loads((tmp_path / "run" / "result.json").read_text()) == said.told
    assert "2 episodes" in said.err


def test_evolve_prints_its_result_as_one_line_of_json_and_writes_a_report(knowhow: Knowhow, tmp_path: Path) -> None:
    told = knowhow("evolve", *QUICK, "--out", tmp_path / "run", "--json").told
    reported = {
        "run",
        "rounds",
        "before",
        "after",
        "withheld",
        "memory_version",
        "gate_overlap",
        "waiting",
        "made_with",
    }
    assert set(told) == reported
    assert set(told["rounds"][0]) == {
        *("round", "train_success", "validation_success", "edits", "kept", "memory_version", "best")
    }
    assert all(set(told[name]) >= REPORT for name in ("before", "after", "withheld"))
    assert (tmp_path / "run" / "report.html").exists()
    again = knowhow("evolve", "--resume", tmp_path / "run", "--json").told
    assert outcome(again) == outcome(told)


def test_evolve_says_how_much_waits_for_a_person(knowhow: Knowhow, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    said = knowhow("evolve", *QUICK, "--review", "--out", folder)
    number = json.loads((folder / "result.json").read_text())["waiting"]
    assert number == len(knowhow("memory", "review", folder, "--json").told["pending"]) > 0
    assert f"{number} items wait for you: knowhow memory review {folder}" in said.out


def test_the_listings_are_one_line_of_json_too(knowhow: Knowhow) -> None:
    rows = knowhow("suites", "--json").told["suites"]
    (household,) = (row for row in rows if row["name"] == "household")
    assert household["tasks"]["train"] > 1000 and household["oracle"]
    (remote,) = (row for row in rows if row["name"] == "remote")
    assert (household["oracle_for"], remote["oracle_for"]) == ("", "as served")
    assert {"novice", "openai", "vllm"} <= {row["scheme"] for row in knowhow("models", "--json").told["models"]}


def test_the_table_of_suites_can_be_read_in_eighty_columns(knowhow: Knowhow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = knowhow("suites").out.splitlines()
    assert max(map(len, lines)) <= 80 and len(lines) < 80
    assert any(line.split() == ["household", "12,000", "3,000", "3,000", "yes", "Apache-2.0"] for line in lines)
    assert any("ALFWorld's language: put, clean, heat," in line for line in lines)


def test_one_suite_is_told_with_its_settings(knowhow: Knowhow) -> None:
    told = knowhow("suites", "qa", "--json").told["suite"]
    assert {"data", "question", "answer", "kind"} <= set(told["settings"]) and "hf:OWNER/NAME" in told["about"]
    said = knowhow("suites", "qa").out
    assert "suite: qa(data=''," in said and "licence: Apache-2.0" in said and told["about"][:40] in said
    assert "needs: remote needs the server's address" in knowhow("suites", "remote").out
    assert "tasks: 60 train" in knowhow("suites", COTTAGE).out
    assert "bash(size=200, listed=True)" in knowhow("suites", "bash(size=200)").out
    assert "there is no setting 'sice' of bash" in knowhow("suites", "bash(sice=3)").complaint
    assert "there is no suite 'qs'; did you mean qa" in knowhow("suites", "qs").complaint


def test_check_suite_tells_every_finding_and_fails_where_a_promise_is_broken(knowhow: Knowhow, tmp_path: Path) -> None:
    told = knowhow("check-suite", COTTAGE, "--tasks", 1, "--json").told
    assert told["passed"] and all(finding["ok"] for finding in told["findings"])
    broken = tmp_path / "broken.py"
    broken.write_text(
        "from doors import Doors\nclass Broken(Doors):\n    def tasks(self, split): return Doors().tasks('train')"
    )
    said = knowhow("check-suite", f"{broken}:Broken", "--tasks", 1, "--json")
    assert said.code == 1 and not json.loads(said.out)["passed"]


def test_the_memory_commands_print_one_line_of_json_each(knowhow: Knowhow, evolved: Path, tmp_path: Path) -> None:
    shown = knowhow("memory", "show", evolved, "--json").told
    assert shown["version"] == 3 and {"id", "text", "helpful", "sources"} <= set(shown["items"][0])
    assert [batch["version"] for batch in knowhow("memory", "log", evolved, "--json").told["log"]] == [1, 2, 3]
    diff = knowhow("memory", "diff", evolved, 0, "--json").told
    assert (diff["before"], diff["after"], len(diff["changes"])) == (0, 3, len(shown["items"]))
    assert knowhow("memory", "export", evolved, "--json").told == shown
    exported = knowhow("memory", "export", evolved, "--json", "--out", tmp_path / "memory.json").told
    assert json.loads(Path(exported["export"]).read_text()) == shown
    assert len(knowhow("memory", "show", evolved, "--version", 1, "--json").told["items"]) < len(shown["items"])
    page = tmp_path / "page.html"
    assert knowhow("report", evolved, "--out", page, "--json").told == {"report": str(page)}
    assert page.read_text().startswith("<!doctype html>")


def test_a_rollback_is_one_more_version_that_holds_what_the_old_one_held(
    knowhow: Knowhow, evolved: Path, tmp_path: Path
) -> None:
    shutil.copytree(evolved, tmp_path / "run")
    wanted = knowhow("memory", "show", tmp_path / "run", "--version", 1, "--json").told["items"]
    assert knowhow("memory", "rollback", tmp_path / "run", 1, "--json").told == {"rolled_back_to": 1, "version": 4}
    assert knowhow("memory", "show", tmp_path / "run", "--json").told == {"version": 4, "items": wanted}


def test_a_memory_is_used_by_run_and_shown_unless_it_is_withheld(
    knowhow: Knowhow, evolved: Path, tmp_path: Path
) -> None:
    same = ["run", "--suite", COTTAGE, "--split", "test", "--episodes", 10, "--memory", evolved, "--json"]
    used = knowhow(*same, "--out", tmp_path / "used").told
    held = knowhow(*same, "--out", tmp_path / "held", "--withhold").told
    assert used["memory_version"] == held["memory_version"] == 3
    assert used["success_rate"] >= held["success_rate"] + 0.5


def test_without_json_people_get_tables(knowhow: Knowhow, evolved: Path, tmp_path: Path) -> None:
    said = knowhow("run", *TWO, "--out", tmp_path / "run")
    assert said.code == 0 and "success" in said.out and str(tmp_path) in said.out.replace("\n", "")
    again = knowhow("run", *TWO, "--attempts", 2, "--out", tmp_path / "again").out
    assert "4 episodes of 2 tasks" in again and "episodes of" not in said.out and "…" not in again
    assert "str-00001" in knowhow("memory", "show", evolved).out
    assert "round 1" in knowhow("memory", "log", evolved).out
    assert "# Memory, version 3" in knowhow("memory", "export", evolved).out
    assert "keeps all" in knowhow("check-suite", COTTAGE, "--tasks", 1).out


# --- settings ---


def test_a_file_holds_the_same_settings_and_options_go_before_it(knowhow: Knowhow, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(f"suite: {COTTAGE}\nepisodes: 3\nseed: 7\nbudget-calls: 500\n")
    told = knowhow("run", "--config", config, "--episodes", 1, "--out", tmp_path / "run", "--json").told
    assert told["episodes"] == 1
    with RunFolder.open(tmp_path / "run") as folder:
        assert (folder.settings.seed, folder.settings.budget_calls, folder.settings.suite) == (7, 500, COTTAGE)


UNUSABLE = {
    "is no valid YAML (line 2)": "suite: household\n  - no: [yaml",
    "there is no setting 'episode'": "episode: 3",
    "episodes='many' is no int": "episodes: many",
    "labels='no way' is no bool": "labels: no way",
    "holds no settings": "- suite\n- household",
    "episodes=0 must be at least 1": "episodes: 0",
    "split='training' is none of train, validation, test": "split: training",
    "cannot read the settings": None,
}


@pytest.mark.parametrize("complaint", UNUSABLE)
def test_settings_that_cannot_be_used_are_one_line(complaint: str, knowhow: Knowhow, tmp_path: Path) -> None:
    config, text = tmp_path / "run.yaml", UNUSABLE[complaint]
    config.mkdir() if text is None else config.write_text(text)
    assert complaint in knowhow("evolve", "--config", config, "--out", tmp_path / "run").complaint
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["run", "--suite", "hosehold"], "there is no suite 'hosehold'; did you mean household"),
        (["run", "--suite", "nowhere.py:Suite"], "there is no file"),
        (["run", "--suite", COTTAGE.replace("Cottage", "Castle")], "defines no 'Castle'"),
        (["run", "--model", "novize"], "there is no model 'novize'; did you mean novice?"),
        (["run", "--model", "openai:gpt-5-mini"], "OPENAI_API_KEY is not set"),
        (["run", "--model", "novice", "--method", "self_refin"], "did you mean self_refine?"),
        (["run", "--method", "best_of_n(n=0)"], "n=0 must be a whole number of at least 1"),
        (["run", "--budget-calls", "-1"], "a budget of -1 calls cannot be kept"),
        (["run", "--memory", "nowhere"], "there is no run folder nowhere"),
        (["evolve", "--memory", "playbok"], "there is no bank 'playbok'; did you mean playbook?"),
        (["evolve", "--recipe", "sft"], "--recipe says nothing; add --train-every, or leave it out"),
        (["run", "--recall", "foo"], "there is no policy 'foo'"),
        (["run", "--recall", "diversity(nosuch=1)"], "there is no setting 'nosuch' of diversity"),
        (["run", "--adapters", "nowhere", "--model", "vllm:m"], "there is no journal at nowhere"),
        (["evolve", "--split", "test"], "the test split never teaches"),
        (["evolve", "--mode", "sideways"], "mode='sideways' is none of offline, online"),
        (["evolve", "--resume", "nowhere"], "there is no run folder nowhere"),
        (["memory", "show", "nowhere"], "there is no run folder nowhere"),
        (["report", "nowhere"], "there is no run folder nowhere"),
        (["check-suite", "hosehold"], "did you mean household"),
    ],
)
def test_what_is_not_there_is_one_line_with_the_way_out(
    words: list[str], complaint: str, knowhow: Knowhow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    assert complaint in knowhow(*words).complaint
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_nobody_answers_is_one_line(knowhow: Knowhow, tmp_path: Path) -> None:
    said = knowhow("run", *TWO, "--model", "http://127.0.0.1:9/v1#m", "--out", tmp_path / "run", "--json")
    assert "nobody answers there" in said.complaint and "start the server or correct the URL" in said.complaint


def test_resuming_takes_no_other_settings(knowhow: Knowhow, evolved: Path) -> None:
    said = knowhow("evolve", "--resume", evolved, "--episodes", 500, "--no-labels")
    assert said.complaint.endswith("leave out --episodes, --labels")


# --- folders that are not what they should be ---


def test_an_out_that_exists_stays_as_it_is(knowhow: Knowhow, evolved: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("important")
    (tmp_path / "file").write_text("important")
    before = {**files(tmp_path), **files(evolved)}
    for out in (evolved, tmp_path / "notes", tmp_path / "file"):
        for words in (["run", *TWO], ["evolve", *QUICK]):
            assert f"{out} exists already" in knowhow(*words, "--out", out).complaint
    assert {**files(tmp_path), **files(evolved)} == before


def _another_version(folder: Path) -> None:
    about = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**about, "layout": 99}))


def _another_journal(folder: Path) -> None:
    with sqlite3.connect(folder / "journal.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "has the layout 99, not 1": _another_version,
    "is a journal of layout 99": _another_journal,
    "run.json cannot be read": lambda folder: (folder / "run.json").write_text('{"layout": 1, '),
    "lacks the kind or the settings": lambda folder: (folder / "run.json").write_text('{"layout": 1}'),
    "it has no run.json": lambda folder: (folder / "run.json").unlink(),
    "there is no journal": lambda folder: (folder / "journal.db").unlink(),
    "damaged": lambda folder: (folder / "journal.db").write_bytes(b"\0" * 9000),
}


@pytest.mark.parametrize("complaint", DAMAGE)
def test_a_memory_of_another_version_or_half_deleted_is_one_line_and_stays_as_it_is(
    complaint: str, knowhow: Knowhow, evolved: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(evolved, folder)
    DAMAGE[complaint](folder)
    before = files(folder)
    for words in (
        ["run", *TWO, "--memory", folder, "--out", tmp_path / "other"],
        ["evolve", *QUICK, "--memory", folder, "--out", tmp_path / "other"],
        ["evolve", "--resume", folder],
        ["memory", "show", folder],
        ["memory", "rollback", folder, 1],
    ):
        assert complaint in knowhow(*words).complaint, words
    assert {name: data for name, data in files(folder).items() if name in before} == before
    assert not (tmp_path / "other" / "run.json").exists()


def test_a_second_process_in_one_folder_is_refused_in_one_line(knowhow: Knowhow, evolved: Path) -> None:
    with RunFolder.open(evolved):
        for words in (["evolve", "--resume", evolved], ["memory", "rollback", evolved, 1]):
            assert f"another process is working in {evolved}" in knowhow(*words).complaint
        assert knowhow("memory", "show", evolved, "--json").told["version"] == 3  # reading is free
    assert knowhow("memory", "show", evolved, "--json").told["version"] == 3


# --- full disks and interruptions ---


@pytest.fixture
def disk(tmp_path: Path) -> Any:
    """Resizes a small disk, which it mounts first."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting a small disk is not allowed here")

    def resize(size: str) -> Path:
        subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
        return folder

    yield resize
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("size", ["4k", "60k", "200k", "300k", "400k"])
def test_a_full_disk_is_one_line_and_with_more_room_the_run_goes_on_to_the_same_end(
    size: str, disk: Callable[[str], Path], knowhow: Knowhow, evolved: Path
) -> None:
    folder = disk(size) / "run"
    complaint = knowhow("evolve", *SMALL, "--out", folder).complaint
    assert "make room" in complaint or "see whether it is full" in complaint
    disk("20m")
    again = ["--resume", folder] if (folder / "run.json").exists() else [*SMALL, "--out", folder]
    told = knowhow("evolve", *again, "--json").told
    assert outcome(told) == outcome(json.loads((evolved / "result.json").read_text()))
    assert kept(folder) == kept(evolved)


def started(*words: object) -> subprocess.Popen[str]:
    program = f"\nimport sys\nfrom knowhow.evals.cli import main\nsys.argv = {['knowhow', *map(str, words)]}\nmain()"
    return subprocess.Popen(command(program), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_ctrl_c_says_how_to_go_on_and_going_on_ends_where_the_whole_run_ends(
    knowhow: Knowhow, evolved: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "my run"
    with started("evolve", *SMALL, "--out", folder) as process:
        assert process.stderr is not None and process.stdout is not None
        assert any(line.startswith("train 2") for line in process.stderr)
        process.send_signal(signal.SIGINT)
        last = process.stderr.read().splitlines()[-1]
        assert process.stdout.read() == ""
    assert process.returncode == 130
    assert last.startswith("interrupted; nothing finished is lost. Go on with: knowhow evolve --resume ")
    words = shlex.split(last.partition("Go on with: knowhow ")[2])
    told = knowhow(*words, "--json").told
    assert outcome(told) == outcome(json.loads((evolved / "result.json").read_text()))
    assert kept(folder) == kept(evolved)


def test_ctrl_c_ends_a_run_without_a_traceback_too(tmp_path: Path) -> None:
    with started("run", "--suite", COTTAGE, "--episodes", 10_000, "--out", tmp_path / "run") as process:
        assert process.stderr is not None
        assert next(process.stderr).startswith("run: 10000 episodes")
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert rest.endswith(f"Go on with: knowhow run --resume {tmp_path / 'run'}\n") and "Traceback" not in rest


def test_help_answers_without_anything_heavy() -> None:
    told = run("""
import sys
from knowhow.evals.cli import app
for words in ([], ["run"], ["memory"], ["memory", "show"]):
    app([*words, "--help"], standalone_mode=False)
heavy = {"langgraph", "langchain", "langchain_core", "chromadb", "numpy", "torch", "openai", "yaml", "asyncio"}
print(sorted(heavy & sys.modules.keys()))
""")
    assert "Nothing is learned." in told and "evolve" in told
    assert told.splitlines()[-1] == "[]"
