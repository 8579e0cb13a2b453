"""Episodes on a real Ray cluster of two nodes: the same as here, also where a worker is killed, within one budget."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import pytest
from runs import HUT, kept, outcome, small

from knowhow.agents.tracing import traced
from knowhow.environments.errors import BadSetting, KnowhowError, MissingExtra
from knowhow.evals import learn
from knowhow.evals.engines.ray import Ray
from knowhow.evals.run import run
from knowhow.evals.settings import Settings
from knowhow.evals.watch import Silent

ray = pytest.importorskip("ray", reason="needs the extra [ray]")
pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def engine() -> Iterator[str]:
    """What ``--engine`` takes for a cluster of two nodes of one core each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    node: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    try:
        cluster.add_node(**node)
        yield f"ray(address={cluster.address!r})"
    finally:
        cluster.shutdown()


class Killing(Silent):
    """Kills a worker that has just got ready, at the third episode that it is told of."""

    def __init__(self, log: pytest.LogCaptureFixture) -> None:
        self._log, self._told = log, 0

    def episode(self, trajectory: Any, spent: Any) -> None:
        self._told += 1
        if self._told == 3:
            with suppress(ProcessLookupError):
                os.kill(pids(self._log)[0], signal.SIGKILL)


def pids(log: pytest.LogCaptureFixture) -> list[int]:
    return [record.said["pid"] for record in log.records if record.message == "a worker is ready"]  # type: ignore[attr-defined]


def left_by(pids: list[int]) -> list[Path]:
    return [left for pid in pids for left in Path(gettempdir()).glob(f"knowhow-player-{pid}-*")]


async def test_an_evolution_comes_to_the_same_with_a_worker_killed(
    engine: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "knowhow")
    settings = small(concurrency=4, withhold_rate=0.2, proof=4)
    here = await learn.start(settings, tmp_path / "here")
    there = await learn.start(replace(settings, engine=engine), tmp_path / "there", Killing(caplog))
    assert outcome(there) == outcome(here)
    assert kept(tmp_path / "there") == kept(tmp_path / "here")
    assert "is played again" in caplog.text and len(set(pids(caplog))) == 3  # two, and one for the one that died
    assert not ray.is_initialized()
    assert left_by(pids(caplog)) == []


async def test_no_worker_spends_more_than_the_run_has(engine: str, tmp_path: Path) -> None:
    settings = Settings(suite=HUT, episodes=6, concurrency=4, budget_calls=17, engine=engine)
    result = await run(settings, tmp_path / "run")
    assert result["model_calls"] == 17 and result["unfinished"] > 0


async def test_what_a_worker_cannot_do_ends_the_run_with_its_reason(engine: str, tmp_path: Path) -> None:
    fleeting = tmp_path / "fleeting.py"
    fleeting.write_text(Path(HUT.partition(":")[0]).read_text())  # noqa: ASYNC240

    class Gone(Silent):
        def phase(self, name: str, total: int, done: int = 0) -> None:
            fleeting.unlink(missing_ok=True)

    settings = Settings(suite=f"{fleeting}:Hut", episodes=2, engine=engine)
    with pytest.raises(KnowhowError, match="there is no file"):
        await run(settings, tmp_path / "run", Gone())
    assert not ray.is_initialized()


async def test_a_cluster_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    settings = Settings(suite=HUT, episodes=2, engine="ray(address='127.0.0.1:1')")
    with pytest.raises(BadSetting, match=r"no Ray cluster at 127\.0\.0\.1:1 .*; start one: ray start --head"):
        await run(settings, tmp_path / "run")


def test_what_cannot_be_shared_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadSetting, match=r"--cache replies\.db is a file of one machine"):
        Ray().check(Settings(cache="replies.db"))
    with traced(str(tmp_path / "trace.jsonl")), pytest.raises(BadSetting, match="use --trace otlp"):
        Ray().check(Settings())
    with pytest.raises(BadSetting, match="workers=-1"):
        Ray(workers=-1)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"knowhow-agents\[ray\]"):
        Ray().check(Settings())
