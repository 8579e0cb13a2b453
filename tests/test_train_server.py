"""Training while a server plays: adapters are loaded there at run time, and every reply is by the one that is named."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest
from pocket import tiny
from processes import command
from served import MAIN, server
from test_train_cli import knowhow
from tiny_model import tiny_adapter
from typer.testing import CliRunner

from knowhow.agents.local.engine import Engine
from knowhow.agents.local.types import Sampling
from knowhow.agents.model import drop_adapter, with_adapter
from knowhow.agents.models._lora_server import load_adapter, unload_adapter
from knowhow.agents.samples import unfolded
from knowhow.environments.errors import BadSetting, ModelError
from knowhow.environments.types import Trajectory
from knowhow.evals.cli import app
from knowhow.evals.routing import of_base, uri
from knowhow.evals.settings import Settings
from knowhow.memory.episodes import Episodes
from knowhow.memory.journal import Journal
from knowhow.training.plain import is_plain
from knowhow.training.registry import Registry
from knowhow.training.types import Adapter

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train
torch.set_num_threads(1)

HOW = "temperature=0&tokens=1&max_tokens=8"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def url(base: Path) -> Iterator[str]:
    with server([*command(MAIN), "serve", str(base), "--name", "tiny", "--json"]) as (line, _):
        yield json.loads(line)["url"]


@dataclass
class Others:
    """Two further adapters that come to the server and go, under a new name each time, and what they replied."""

    url: str
    weights: Sequence[Path]
    replies: list[tuple[Path, list[int], list[int]]] = field(default_factory=list)
    """The weights, the prompt's token ids and the reply's."""

    @contextmanager
    def swapped(self) -> Iterator[None]:
        over = Event()
        thread = Thread(target=self._swap, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _swap(self, over: Event) -> None:
        for version in count():
            if over.is_set():
                return
            name, weights = f"other-v{version}", self.weights[version % len(self.weights)]
            load_adapter(self.url, name, weights)
            asked = {"messages": [{"role": "user", "content": f"Look at mug {version}."}], "return_token_ids": True}
            body = {"model": name, "temperature": 0, "max_tokens": 8, **asked}
            told = httpx.post(f"{self.url}/chat/completions", json=body, timeout=60).json()
            self.replies.append((weights, told["prompt_token_ids"], told["choices"][0]["token_ids"]))
            unload_adapter(self.url, name)


CHANGING = Path(__file__).with_name("changing.py")


@pytest.fixture(scope="module")
def others(base: Path, url: str, tmp_path_factory: pytest.TempPathFactory) -> Others:
    root = tmp_path_factory.mktemp("others")
    return Others(url, [tiny_adapter(root / f"{seed}", base, seed=seed) for seed in (1, 2)])


@pytest.fixture(scope="module")
def evolved(base: Path, url: str, others: Others, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """While it evolves, the server's other adapters are swapped."""
    out = tmp_path_factory.mktemp("evolved") / "run"
    with others.swapped():
        _evolve(base, url, out)
    return out


def _evolve(base: Path, url: str, out: Path) -> None:
    knowhow(
        *("evolve", "--model", f"vllm:tiny@{url}?{HOW}", "--base", base, "--episodes", 4, "--rounds", 2),
        *("--validation", 2, "--train-every", 2, "--trial", 3, "--recipe", f"{CHANGING}:Changing"),
        *("--tuning", "steps=6, batch=2, rate=2.0, rank=4, adapter='vera'", "--out", out),
    )


def test_the_replies_of_a_trial_are_by_the_adapter_on_the_server_and_by_the_base_without_it(
    base: Path, url: str, evolved: Path
) -> None:
    adapter = the_adapter(evolved)
    with Episodes.open(evolved) as stored:
        tried, without = (stored.find(f"trial {adapter.id}{more}") for more in ("", " without"))
    weights = next((evolved / adapter.path).parent.glob("adapter-plain-*"))
    assert is_plain(weights) and len(tried) == len(without) == 3
    assert_by(base, weights, tried)
    assert_by(base, None, without)
    said = [[sample.tokens for one in episodes for sample in one.samples if sample] for episodes in (tried, without)]
    assert said[0] != said[1], "they differ, so that it would be seen"
    assert {sample.model for one in without for sample in one.samples if sample} == {"tiny"}
    assert offered(url) == {"tiny"}, "it did not gain, and was unloaded"


def test_adapters_that_are_swapped_meanwhile_reply_for_themselves(base: Path, evolved: Path, others: Others) -> None:
    assert len(others.replies) > 5
    for weights in others.weights:
        engine = engine_of(base, weights)
        for prompt, ids in [(prompt, ids) for own, prompt, ids in others.replies if own == weights]:
            assert ids == greedy(engine, prompt)
    assert len({tuple(ids) for _, _, ids in others.replies}) > 1, "they differ, so that a swap would be seen"


def test_an_active_adapter_plays_a_run_on_the_server(base: Path, url: str, evolved: Path, tmp_path: Path) -> None:
    adapter = the_adapter(evolved)
    knowhow("adapters", "use", evolved, adapter.id)
    played = ("run", "--model", f"{url}?{HOW}#tiny", "--adapters", evolved, "--episodes", 2, "--split", "train")
    knowhow(*played, "--base", base, "--out", tmp_path / "played")
    (name,) = offered(url) - {"tiny"}
    with Episodes.open(tmp_path / "played") as stored:
        episodes = stored.find("run")
    assert {sample.model for one in episodes for sample in one.samples if sample} == {name}
    assert {one.model for one in episodes} == {f"{url}#{name}?{HOW}"} and name.startswith(adapter.id)
    again = uri(f"vllm:tiny@{url}", adapter, evolved)
    assert again == f"vllm:{name}@{url}", "it is there already"
    drop_adapter(again)
    assert offered(url) == {"tiny"}
    told = CliRunner().invoke(app, [*map(str, played), "--out", str(tmp_path / "other")])
    assert told.exit_code and "say where its weights are: --base PATH" in str(told.exception)


def test_a_model_that_takes_no_adapters_and_a_server_that_is_not_there_are_told(base: Path, evolved: Path) -> None:
    adapter = the_adapter(evolved)
    with pytest.raises(BadSetting, match="novice takes no adapters"):
        with_adapter("novice", evolved / adapter.path, "v1")
    with pytest.raises(ModelError, match="9/v1/models lists no models"):
        uri("vllm:tiny@http://127.0.0.1:9/v1", adapter, evolved)


def test_a_run_on_a_server_is_known_by_the_base_that_it_names(base: Path, tmp_path: Path) -> None:
    there = Settings(model="vllm:tiny@http://gpu-1:8000/v1", base=str(base))
    assert of_base(base, there) == there.model and of_base(tmp_path, there) == f"hf:{tmp_path}"
    here = Settings(model=f"hf:{base}?temperature=0.5")
    assert of_base(base, here) == here.model and of_base(tmp_path, here) == f"hf:{tmp_path}"


def the_adapter(run: Path) -> Adapter:
    with Journal.open(run / "journal.db") as journal:
        (adapter,) = Registry(journal).adapters()
    return adapter


def offered(url: str) -> set[str]:
    return {model["id"] for model in httpx.get(f"{url}/models").json()["data"]}


def assert_by(base: Path, weights: Path | None, episodes: Sequence[Trajectory]) -> None:
    """The token ids that were sampled are those which the engine draws here, with these weights."""
    engine = engine_of(base, weights)
    for prompt, sample in [two for one in episodes for two in filter(None, unfolded(one.samples))]:
        assert greedy(engine, prompt) == list(sample.tokens)


def engine_of(base: Path, weights: Path | None) -> Engine:
    """With the weights, where there are some, as the adapter ``it``."""
    engine = Engine(base)
    if weights is not None:
        engine.load_adapter("it", weights)
    return engine


def greedy(engine: Engine, prompt: Sequence[int]) -> list[int]:
    reply = engine.submit(prompt, Sampling(temperature=0, max_tokens=8), "it" if engine.adapters else "").result()
    return [token.id for token in reply.tokens]
