"""Stages side by side: each after what it waits for, as many at once as asked, by DVC's record."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipelines.lifecycle.build import build_stale, read_graph, run_side_by_side
from tests.house.imports import ROOT

FAILED = 7
MEETS = """
import sys, time
from pathlib import Path
own, other = sys.argv[1:]
Path(own).write_text("here")
end = time.monotonic() + 60
while not Path(other).exists():
    assert time.monotonic() < end, "the other stage was never run beside this one"
    time.sleep(0.01)
"""
"""Ends only if the other stage runs beside it."""


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Stages by number, each waiting for some of those before it; listed in any order."""
    n_stages = draw(st.integers(1, 9))
    waits_for = {
        str(stage): [str(before) for before in range(stage) if draw(st.booleans())]
        for stage in range(n_stages)
    }
    return {stage: waits_for[stage] for stage in draw(st.permutations(list(waits_for)))}


@given(graphs(), st.integers(1, 3))
def test_every_stage_runs_once_after_what_it_waits_for(
    waits_for: dict[str, list[str]], at_once: int
) -> None:
    begun: list[str] = []
    ended: list[str] = []
    taken: set[int] = set()
    lock = threading.Lock()

    def run(stage: str, lane: int) -> int:
        with lock:
            begun.append(stage)
            assert set(waits_for[stage]) <= set(ended)
            assert lane in range(at_once)
            assert lane not in taken
            taken.add(lane)
        with lock:
            taken.remove(lane)
            ended.append(stage)
        return 0

    assert run_side_by_side(waits_for, run, at_once) == 0
    assert sorted(begun) == sorted(waits_for)


@given(graphs(), st.integers(1, 3), st.data())
def test_after_a_failure_nothing_that_waits_for_it_is_begun(
    waits_for: dict[str, list[str]], at_once: int, data: st.DataObject
) -> None:
    broken = data.draw(st.sampled_from(sorted(waits_for)))
    begun: list[str] = []

    def run(stage: str, lane: int) -> int:
        begun.append(stage)
        return FAILED if stage == broken else 0

    assert run_side_by_side(waits_for, run, at_once) == FAILED
    assert not [stage for stage in begun if broken in waits_for[stage]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of DVC's whose stages `left` and `right` meet, and `last` joins."""
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "-q"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], check=True)
    (tmp_path / "meets.py").write_text(MEETS)
    write_stages(
        {
            "left": {"cmd": f"{sys.executable} meets.py left right", "outs": ["left"]},
            "right": {"cmd": f"{sys.executable} meets.py right left", "outs": ["right"]},
            "last": {"cmd": "cat left right > last", "deps": ["left", "right"], "outs": ["last"]},
        }
    )
    return tmp_path


def write_stages(stages: dict[str, dict[str, object]]) -> None:
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))


def test_stages_that_wait_for_nothing_of_each_other_run_side_by_side(project: Path) -> None:
    build_stale(at_once=2)
    assert (project / "last").read_text() == "herehere"
    assert set(yaml.safe_load((project / "dvc.lock").read_text())["stages"]) == {
        "left",
        "right",
        "last",
    }
    (project / "meets.py").unlink()  # nothing is stale, so nothing runs again
    build_stale(at_once=2)


def test_the_status_of_a_stage_that_fails_is_that_of_the_build(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_stages(
        {
            "left": {"cmd": "exit 7", "outs": ["left"]},
            "right": {"cmd": "echo told >&2; echo here > right", "outs": ["right"]},
            "last": {"cmd": "cat left right > last", "deps": ["left", "right"], "outs": ["last"]},
        }
    )
    with pytest.raises(SystemExit) as stopped:
        build_stale(at_once=2)
    assert stopped.value.code not in (0, None)
    told = capfd.readouterr().err
    assert "failed to run: exit 7, exited with 7" in told
    assert "told\n" in told  # of the stage beside it, which was let finish
    assert (project / "right").exists()
    assert not (project / "last").exists()


def test_the_graph_is_that_of_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    graph = read_graph()
    assert list(graph) == list(yaml.safe_load(Path("dvc.yaml").read_text())["stages"])
    assert set(graph["recommender"]) == {"ingest", "clusters"}
    assert "planner" in graph["table"]
