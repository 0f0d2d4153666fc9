"""The full study: runs the runs that are missing, then compares the arms over all of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import polars as pl
from tqdm import tqdm

from expectations.contracts.content_hash import hash_content
from expectations.contracts.errors import UserError
from inference.experiment.config import ArmName
from inference.experiment.study.comparison import compare_seeds
from inference.experiment.study.config import StudyConfig, WorldName
from inference.experiment.study.measures import follow_run, measure_arm
from pipelines.experiment.study_pictures import draw_study
from pipelines.experiment.study_runs import (
    StudyRun,
    Workbench,
    leave_in_worker,
    study_experiment,
)
from pipelines.io import paths
from pipelines.io.artefact_io import atomic_file, atomic_folder, read_json, write_json
from pipelines.io.plan_reader import read_plan
from pipelines.params.params import Params
from pipelines.sources.synthetic.truth import is_truth_available

SETTINGS, FIGURES, ARMS, ROUNDS = "settings.json", "figures.json", "arms.csv", "rounds.csv"
"""Files of a study's folder, beside its logs."""
PICTURES = "pictures"
"""Its folder of pictures."""
SHOWN = (
    "novel_share_of_shown",
    "positive_rate_of_novel",
    "positives_per_user",
    "uci_at_10",
    "retention",
    "explored_share_at_end",
    "cluster_entropy_change_bits",
    "discoverable_at_1",
)
"""Figures that the command prints, of some thirty."""


def run_study(params: Params, folder: Path, workers: int) -> None:
    """Run what is missing in the folder, then write and print what all of it comes to.

    A study that was killed goes on where it was; logs and figures are the same, byte for byte,
    whatever was killed and however many workers there are.

    Raises:
        UserError: the folder holds a study of other settings or of another build.
    """
    claim_folder(params, folder)
    runs = list_runs(params.study)
    missing = [run for run in runs if not run.file_in(folder).exists()]
    bench = Workbench(params)
    with tqdm(total=len(runs), initial=len(runs) - len(missing), desc="study", unit="run") as bar:
        for run in _run(missing, folder, workers, bench):
            bar.set_postfix_str(f"{run.world} {run.seed} {run.arm}")
            bar.update()
    summarise_study(params, folder, bench)


def _run(runs: list[StudyRun], folder: Path, workers: int, bench: Workbench) -> Iterator[StudyRun]:
    """Simulate the runs, here or in processes of their own; yield each when its log is there."""
    if workers == 1:
        yield from (bench.leave(run, folder) for run in runs)
        return
    context = get_context("spawn")  # torch and numba must not be forked with threads
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        for done in as_completed([pool.submit(leave_in_worker, run, folder) for run in runs]):
            yield done.result()


def list_runs(study: StudyConfig) -> list[StudyRun]:
    """Return the runs, seed by seed, so that what is there early is of all worlds and arms."""
    worlds = study.worlds if is_truth_available(paths.TRUTH) else (WorldName.FITTED,)
    arms = dict.fromkeys((ArmName.CONTROL, *study.arms))
    return [
        StudyRun(world, seed, arm)
        for seed in study.seed_numbers
        for world in worlds
        for arm in arms
    ]


def claim_folder(params: Params, folder: Path) -> None:
    """Note in the folder what the study depends on, or see that it is the same.

    More seeds, arms or worlds may be asked for later: what is there is then taken over.
    """
    build = {
        str(path): hash_content(path).sha256
        for path in (paths.RECOMMENDER, paths.NOVEL_CLUSTER_TABLE, paths.ALIGNMENT, paths.TRUTH)
    }
    asked = {
        "build": build,
        "seed": params.runtime.seed,
        "users": params.study.users,
        "experiment": study_experiment(params).model_dump(mode="json", exclude={"arms", "world"}),
        "exploration": params.serving.exploration.model_dump(mode="json"),
        "plan": read_plan().model_dump(mode="json"),
    }
    file = folder / SETTINGS
    if not file.exists():
        write_json(asked, file)
    found = read_json(file)
    differing = [name for name in asked if asked[name] != found.get(name)]
    if differing:
        rule = f"holds a study of the same {', '.join(differing)}"
        raise UserError(str(folder), rule, "name another folder, or remove this one")


def summarise_study(params: Params, folder: Path, bench: Workbench) -> None:
    """Write figures.json, arms.csv, rounds.csv and pictures, and print the main figures."""
    runs = list_runs(params.study)
    figures: dict[str, float] = {"seeds": params.study.seeds, "users_of_a_seed": params.study.users}
    worlds = list(dict.fromkeys(run.world for run in runs))
    arms = list(dict.fromkeys(run.arm for run in runs))
    rows, rounds = [], []
    for world in worlds:
        measured: dict[ArmName, list[dict[str, float]]] = {arm: [] for arm in arms}
        for seed in params.study.seed_numbers:
            _, environment = bench.set_up(world, seed)
            for arm in arms:
                log = pl.read_parquet(StudyRun(world, seed, arm).file_in(folder))
                measured[arm].append(measure_arm(log, environment))
                names = [pl.lit(str(world)).alias("world"), pl.lit(str(arm)).alias("arm")]
                rounds.append(follow_run(log, environment).select(*names, pl.all()))
        compared = compare_seeds(measured)
        figures |= {f"{world}_{name}": value for name, value in compared.items()}
        for arm in arms:
            row = {name: compared[f"{arm}_{name}"] for name in measured[arm][0]}
            rows.append({"world": str(world), "arm": str(arm), **row})
        if world is WorldName.FITTED:
            likeness = bench.worlds.fitted.likeness
            figures |= {f"{world}_{name}": value for name, value in likeness.items()}
    table = pl.DataFrame(rows)
    by_round = pl.concat(rounds).group_by("world", "arm", "round", maintain_order=True).mean()
    write_json(figures, folder / FIGURES)
    for frame, name in ((table, ARMS), (by_round, ROUNDS)):
        with atomic_file(folder / name) as file:
            frame.write_csv(file, float_precision=6)
    with atomic_folder(folder / PICTURES) as pictures:
        for file_name, picture in draw_study(figures, by_round, worlds, arms):
            picture.savefig(pictures / file_name)
    with pl.Config(tbl_rows=-1, tbl_cols=-1, float_precision=3, tbl_hide_dataframe_shape=True):
        print(table.select("world", "arm", *SHOWN))
