"""What the dial does: the planner at several exploration shares, beside rivals at the study's one.

Run from the top of the repository, after a study whose folder is named:

    python -m benchmarks.exploration_share --study var/study --folder var/shares --worlds planted

A run is a planner of one share, world and seed; the study's control and bandits are read, not run
again. It can be stopped and goes on where it was. Prints one Markdown table: differences are paired
by seed, with Student's interval over seeds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl
from tqdm import tqdm

from benchmarks.markdown import to_markdown
from inference.experiment.config import ArmName
from inference.experiment.study.comparison import interval_over_seeds
from inference.experiment.study.config import WorldName
from inference.experiment.study.measures import measure_arm
from pipelines.experiment.study import claim_folder
from pipelines.experiment.study_runs import StudyRun, Workbench
from pipelines.io.command import run_command
from pipelines.params.params import Params, read_params

SHARES = (0.05, 0.1, 0.25, 0.3)
CONTROL, BANDITS = ArmName.CONTROL, (ArmName.HCB, ArmName.NEURAL_LINEAR)
SHOWN = ("novel_share_of_shown", "positive_rate_of_novel")
COMPARED = {
    **{f"{name} - {CONTROL}": (name, CONTROL) for name in ("positives_per_user", "uci_at_10")},
    **{f"{name} - {bandit}": (name, bandit) for bandit in BANDITS for name in SHOWN},
}
Runs = list[dict[str, float]]


def main() -> None:
    """Run what is missing at every share, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", type=Path, default=Path("var/study"), help="with the rivals")
    parser.add_argument("--folder", type=Path, default=Path("var/shares"), help="kept in here")
    parser.add_argument("--worlds", nargs="+", default=["planted"], choices=list(WorldName))
    parser.add_argument("--shares", nargs="+", type=float, default=SHARES)
    asked = parser.parse_args()
    params = read_params()
    worlds = [WorldName(world) for world in asked.worlds]
    bench = Workbench(params)  # who takes part and what is true of them: the same at every share
    rivals = {
        (world, arm): _measure(bench, params.study.seed_numbers, asked.study, world, arm)
        for world in worlds
        for arm in (CONTROL, *BANDITS, ArmName.PLANNER)
    }
    rows = []
    for share in sorted({*asked.shares, params.experiment.exploration_share}):
        at_share, folder = _with_share(params, share), asked.folder / str(share)
        for world in worlds:
            if share == params.experiment.exploration_share:
                found = rivals[world, ArmName.PLANNER]
            else:
                _run(at_share, folder, world)
                found = _measure(bench, params.study.seed_numbers, folder, world, ArmName.PLANNER)
            rows.append(
                (
                    world,
                    share,
                    *_describe(found, {a: rivals[world, a] for a in (CONTROL, *BANDITS)}),
                )
            )
    print(to_markdown(["world", "share", *SHOWN, *COMPARED], rows))


def _with_share(params: Params, share: float) -> Params:
    experiment = params.experiment.model_copy(update={"exploration_share": share})
    return params.model_copy(update={"experiment": experiment})


def _run(params: Params, folder: Path, world: WorldName) -> None:
    claim_folder(params, folder)
    bench = Workbench(params)
    for seed in tqdm(params.study.seed_numbers, desc=f"{folder.name} {world}", disable=None):
        run = StudyRun(world, seed, ArmName.PLANNER)
        if not run.file_in(folder).exists():
            bench.leave(run, folder)


def _measure(bench: Workbench, seeds: range, folder: Path, world: WorldName, arm: ArmName) -> Runs:
    return [
        measure_arm(
            pl.read_parquet(StudyRun(world, seed, arm).file_in(folder)),
            bench.set_up(world, seed)[1],
        )
        for seed in seeds
    ]


def _describe(found: Runs, rivals: dict[ArmName, Runs]) -> list[str]:
    cells = [f"{interval_over_seeds([run[name] for run in found]).mean:.3f}" for name in SHOWN]
    for name, rival in COMPARED.values():
        pairs = zip(found, rivals[rival], strict=True)
        interval = interval_over_seeds([one[name] - two[name] for one, two in pairs])
        cells.append(f"{interval.mean:+.3f} [{interval.low:.3f}, {interval.high:.3f}]")
    return cells


if __name__ == "__main__":
    run_command(main)
