"""Runs the stages that are stale, side by side where none of them waits for another.

DVC runs one stage at a time (https://github.com/iterative/dvc/issues/755). A second thread of one
training is worth a quarter of a core on two cores (docs/research/threads.md), a second training a
whole one.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter

from pipelines.io.processors import count_processors
from pipelines.params.params import read_params

DVC = (sys.executable, "-m", "pipelines.lifecycle.quiet_dvc", "--wait-for-lock", "repro")
"""Stages side by side take turns at DVC's own files, which takes moments."""
CLEAR_LINE = "\r\x1b[K"
"""Takes away the bar that stands where a line is to be told on a terminal."""


def build_stale(at_once: int | None = None) -> None:
    """Bring every stage up to date, as ``dvc repro`` does: same artefacts, same ``dvc.lock``.

    Args:
        at_once: most stages at one time; ``None`` for what this process's processors carry with
            ``runtime.threads`` each.

    Raises:
        SystemExit: a stage failed, which has told why; the status is its own. Stages that ran
            beside it were let finish, none was begun after it.
    """
    if at_once is None:
        at_once = max(1, count_processors() // read_params().runtime.threads)
    if at_once > 1:
        status = run_side_by_side(read_graph(), _run_stage, at_once)
        if status:
            raise SystemExit(status)
    # whatever was left: all of it with one processor, else nothing, said by DVC itself
    status = subprocess.run(DVC, check=False).returncode
    if status:
        raise SystemExit(status)


def read_graph() -> dict[str, list[str]]:
    """Return what each stage of ``dvc.yaml`` waits for, in the order in which they stand there."""
    from dvc.repo import Repo

    with Repo() as repo:
        graph = repo.index.graph
        return {
            stage.addressing: [needed.addressing for needed in graph.successors(stage)]
            for stage in repo.index.stages
        }


def run_side_by_side(
    waits_for: Mapping[str, Collection[str]], run: Callable[[str, int], int], at_once: int
) -> int:
    """Run every stage after those it waits for, and return the first status that is not 0.

    Args:
        waits_for: the stages that each stage waits for. Of stages that could begin, the one that
            stands first here does.
        run: takes a stage and its lane, from 0; no two stages have the same at one time. Returns
            the stage's status.
        at_once: how many lanes there are.
    """
    order = TopologicalSorter(waits_for)
    order.prepare()
    places = {stage: place for place, stage in enumerate(waits_for)}
    ready: list[str] = []
    lanes = list(range(at_once))
    running: dict[Future[int], tuple[str, int]] = {}
    status = 0
    with ThreadPoolExecutor(at_once) as pool:
        while order.is_active():
            ready = sorted([*ready, *order.get_ready()], key=places.__getitem__)
            while ready and lanes and not status:
                stage, lane = ready.pop(0), lanes.pop(0)
                running[pool.submit(run, stage, lane)] = (stage, lane)
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                stage, lane = running.pop(future)
                lanes = sorted([*lanes, lane])
                status = status or future.result()
                order.done(stage)
    return status


def _run_stage(stage: str, lane: int) -> int:
    """Run a stage; only the first lane's draws a bar, of the others a line is told at their end."""
    command = [*DVC, "--single-item", stage]
    if lane == 0:
        return subprocess.run(command, check=False).returncode
    done = subprocess.run(
        command, check=False, stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace"
    )
    clear = CLEAR_LINE if sys.stderr.isatty() else ""
    for line in done.stderr.splitlines():
        print(f"{clear}{line}", file=sys.stderr, flush=True)
    return done.returncode
