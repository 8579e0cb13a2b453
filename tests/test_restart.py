"""A run whose process is killed goes on from its folder, wherever that folder is by then."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from processes import command
from runs import kept, outcome, small
from served import MAIN

from knowhow.evals import learn
from knowhow.evals.settings import Settings


def stored(folder: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{folder}/episodes.db?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM episodes").fetchone()[0])
    except sqlite3.Error:
        return 0


def killed(settings: Settings, folder: Path, at: int) -> int:
    """The episodes that are stored when ``knowhow evolve`` is killed (SIGKILL), at ``at`` of them or a few more."""
    (config := folder.with_suffix(".yaml")).write_text(json.dumps(settings.to_dict()))
    words = [*command(MAIN), "evolve", "--config", str(config), "--out", str(folder)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while stored(folder) < at:
                assert process.poll() is None, "it ended before it was killed"
                time.sleep(0.005)
        finally:
            os.kill(process.pid, signal.SIGKILL)
    return stored(folder)


@pytest.mark.parametrize("at", [3, 13])
async def test_a_killed_run_goes_on_on_another_machine_as_if_nothing_had_been(at: int, tmp_path: Path) -> None:
    settings = small(withhold_rate=0.2, proof=4)
    whole = await learn.start(settings, tmp_path / "whole")
    done = killed(settings, tmp_path / "here", at)
    assert at <= done < len(kept(tmp_path / "whole")["episodes"])
    there = tmp_path / "another" / "machine"
    shutil.copytree(tmp_path / "here", there)
    shutil.rmtree(tmp_path / "here")
    resumed = await learn.resume(there)
    assert outcome(resumed) == outcome(whole)
    assert kept(there) == kept(tmp_path / "whole")


async def test_what_a_run_began_with_is_in_its_folder(tmp_path: Path) -> None:
    """The run whose memory it carried over may be gone."""
    await learn.start(small(episodes=3, rounds=1, validation=2), tmp_path / "first")
    settings = small(memory=str(tmp_path / "first"), seed=2)
    whole = await learn.start(settings, tmp_path / "whole")
    killed(settings, tmp_path / "second", 8)
    shutil.rmtree(tmp_path / "first")
    (tmp_path / "second").rename(tmp_path / "moved")
    assert outcome(await learn.resume(tmp_path / "moved")) == outcome(whole)
    assert kept(tmp_path / "moved") == kept(tmp_path / "whole")
