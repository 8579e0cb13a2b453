"""The Agent Skills folder format: skills move to and from other agents, and none runs before somebody spoke for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from knowhow.agents.types import Query
from knowhow.environments.calls import tool
from knowhow.environments.errors import BadSetting
from knowhow.environments.types import Task
from knowhow.memory.banks.skills import Skills
from knowhow.memory.exports import format_of, open_format, write_files
from knowhow.memory.formats.agent_skills import AgentSkills, folder_name
from knowhow.memory.imports import bring
from knowhow.memory.recall import recall_of
from knowhow.memory.review import accept
from knowhow.memory.skills.skill import Skill, read_skill, skill_of
from knowhow.memory.store import Memory
from knowhow.memory.types import Item, Status, Trust

CODE = '''
def put_some_on(a: str, b: str) -> str:
    """Puts {a} on {b}.

    Ö: it looks for it.
    """
    return a + b
'''.strip()
ASKED = Query(Task("t", "s", "validation", "put", "put some mug on shelf"), "")
FOREIGN = """---
name: pdf-forms
description: Fill in PDF forms. Use it when the user speaks of forms.
license: Apache-2.0
---
# PDF forms

Open the form first.
"""


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory.open(tmp_path / "memory", create=True) as opened:
        yield opened


def skill() -> Skill:
    raw = {"name": "put_some_on", "goal": "put some {a} on {b}", "code": CODE}
    return read_skill(raw, [tool("act", "Do one thing.", command="Which.")])


def item(status: Status = Status.ACTIVE) -> Item:
    return Item("ski-00001", "skills", skill().text, {**skill().data, "version": 3, "tests": []}, status=status)


async def nobody(turn: Any) -> Any:
    raise AssertionError("nobody is to be asked")


def written(folder: Path, *items: Item) -> Path:
    return write_files(AgentSkills().write(items, 1), folder)


def placed(folder: Path, text: str, name: str = "pdf-forms") -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / "SKILL.md").write_text(text, encoding="utf-8")
    return folder


def test_a_skill_is_written_as_the_specification_asks(tmp_path: Path) -> None:
    retired = Item("ski-00002", "skills", "x", {**skill().data, "name": "gone"}, status=Status.RETIRED)
    folder = written(tmp_path / "out", item(), retired, Item("str-00001", "playbook", "A lesson."))
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*")) == [
        "put-some-on/SKILL.md",
        "put-some-on/scripts/put_some_on.py",
    ]
    text = (folder / "put-some-on" / "SKILL.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["name"] == "put-some-on"
    assert front["description"] == 'For tasks such as "put some {a} on {b}". Puts {a} on {b}.'
    assert all(isinstance(value, str) for value in front["metadata"].values())
    assert "`scripts/put_some_on.py`" in text
    assert (folder / "put-some-on" / "scripts" / "put_some_on.py").read_text(encoding="utf-8") == CODE + "\n"


@pytest.mark.parametrize("name", ["a", "put_some_on", "look__at_", "x" * 56, "a1_2b"])
def test_every_name_of_a_skill_is_a_name_of_the_format(name: str) -> None:
    made = folder_name(name)
    assert 1 <= len(made) <= 64 and "--" not in made and made == made.strip("-") and "_" not in made


def test_what_was_written_is_read_again_as_a_skill_that_waits(tmp_path: Path) -> None:
    folder = written(tmp_path / "out", item())
    for place in (folder, folder / "put-some-on"):
        assert format_of(place) == "agent_skills"
        (read,) = open_format("agent_skills").read(place)
        assert skill_of(read) == skill()
        assert (read.status, read.trust, read.data["version"]) == (Status.PENDING, Trust.IMPORTED, 3)
        assert CODE in read.text, "who accepts it sees what would run"


async def test_an_imported_skill_is_offered_only_after_a_person_spoke_for_it(memory: Memory, tmp_path: Path) -> None:
    bank = Skills(memory, nobody)
    (id,) = bring(memory, AgentSkills().read(written(tmp_path / "out", item())), exact=False)
    recall = recall_of(memory, [bank])
    assert (await recall(ASKED)).abilities == ()
    tried = await recall(Query(ASKED.task, "", tries=frozenset({id})))
    assert (tried.abilities, tried.shown) == ((), ()), "it is not run, and what it says is no trial of it"
    accept(memory, id)
    (offered,) = (await recall(ASKED)).abilities
    assert (offered.item, offered.tool["function"]["name"]) == (id, "skill_put_some_on")


async def test_a_skill_of_anybodys_is_read_as_instructions(memory: Memory, tmp_path: Path) -> None:
    (read,) = AgentSkills().read(placed(tmp_path / "in", FOREIGN))
    assert skill_of(read) is None
    assert read.text.startswith("pdf-forms: Fill in PDF forms.") and "Open the form first." in read.text
    assert read.status is Status.PENDING
    (id,) = bring(memory, [read], exact=False)
    accept(memory, id)
    recalled = await recall_of(memory, [Skills(memory, nobody)])(ASKED)
    assert (recalled.abilities, recalled.shown) == ((), (id,))
    assert "Open the form first." in recalled.text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# No front matter", "does not begin with front matter"),
        ("---\nname: [\n---\n", "is no YAML"),
        ("---\n- 1\n---\n", "holds no names"),
        ("---\n{}\n---\n", "'' is no name"),
        (FOREIGN.replace("pdf-forms", "PDF_forms", 1), "'PDF_forms' is no name"),
        (FOREIGN.replace("pdf-forms", "a--b", 1), "is no name"),
        (FOREIGN.replace("pdf-forms", "a" * 65, 1), "is no name"),
        (FOREIGN.replace("pdf-forms", "other", 1), "lies in the folder pdf-forms"),
        (FOREIGN.replace("name: pdf-forms", "name: !!python/object/apply:os.system [id]"), "is no YAML"),
        ("---\nname: pdf-forms\n---\n", "the description must have"),
        (f"---\nname: pdf-forms\ndescription: {'x' * 1025}\n---\n", "the description must have"),
        ("x" * 200_001, "more than 200000 bytes"),
        ("---\nname: pdf-forms\ndescription: x\nmetadata: {knowhow-function: ../x}\n---\n", "no name of a function"),
        ("---\nname: pdf-forms\ndescription: x\nmetadata: {knowhow-function: f}\n---\n", "cannot read"),
    ],
)
def test_a_malformed_folder_is_refused_with_the_reason(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BadSetting, match=why):
        AgentSkills().read(placed(tmp_path, text))


@pytest.mark.parametrize("tools", ["{", "3", '[{"no": "function"}]', "[1]"])
def test_tools_that_are_none_are_refused(tmp_path: Path, tools: str) -> None:
    folder = written(tmp_path, item()) / "put-some-on"
    text = (folder / "SKILL.md").read_text(encoding="utf-8")
    lines = [f"  knowhow-tools: '{tools}'" if "knowhow-tools" in line else line for line in text.split("\n")]
    (folder / "SKILL.md").write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(BadSetting, match=r"SKILL\.md"):
        AgentSkills().read(folder)


def test_names_that_multiply_without_end_are_read_as_nothing(tmp_path: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    text = "\n".join(["---", *rows, "name: pdf-forms", "description: *a11", "---", ""])
    with pytest.raises(BadSetting, match="the description must have"):
        AgentSkills().read(placed(tmp_path, text))


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    folder = written(tmp_path / "out", item()) / "put-some-on"
    script = folder / "scripts" / "put_some_on.py"
    script.unlink()
    script.symlink_to(secret)
    with pytest.raises(BadSetting, match="it is a link"):
        AgentSkills().read(folder)
    (tmp_path / "in" / "pdf-forms").mkdir(parents=True)
    (tmp_path / "in" / "pdf-forms" / "SKILL.md").symlink_to(secret)
    with pytest.raises(BadSetting, match="it is a link"):
        AgentSkills().read(tmp_path / "in")


def test_a_folder_without_skills_is_none(tmp_path: Path) -> None:
    assert AgentSkills().likely(tmp_path) == 0.0
    with pytest.raises(BadSetting, match=r"holds no SKILL\.md"):
        AgentSkills().read(tmp_path)
