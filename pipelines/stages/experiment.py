"""The simulated live experiment: the same users under every policy, and without exploration."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch

from expectations.contracts.tables import INTERACTIONS
from inference.experiment.calibration import calibration_of
from inference.experiment.config import ArmName
from inference.experiment.environment import Environment, without_undiscovered
from inference.experiment.outcomes import Logs, follow_rounds, summarise
from inference.experiment.plot_tables import tabulate_axes, tabulate_lift, tabulate_uci
from inference.experiment.simulate import Arm, run_arm
from inference.experiment.study.measures import follow_run
from pipelines.experiment.policies import PolicyMaker
from pipelines.experiment.simulation import build_environment
from pipelines.experiment.system import choose_participants, load_system
from pipelines.io import paths, stage
from pipelines.io.artefact_io import atomic_folder, scan_table, write_json
from pipelines.io.clusters_reader import read_clusters
from pipelines.io.plan_reader import read_plan
from pipelines.params.params import Params, read_params
from pipelines.sources.synthetic.people import BACKGROUND_AFFINITY
from pipelines.sources.synthetic.truth import is_truth_available

ROUNDS, ARMS, UCI, LIFT, PROGRESS = "rounds", "arms", "uci", "lift", "progress"
"""Tables that are plotted, a CSV each."""
EMPTY = {
    ROUNDS: ("round", "control_novel_clusters_per_user", "planner_novel_clusters_per_user"),
    ARMS: ("arm", "novel_share_of_shown", "positive_rate_of_novel"),
    UCI: ("arm", "unique_clusters", "share_of_users"),
    LIFT: ("figure", "arm", "lift_percent"),
    PROGRESS: ("arm", "round", "novel_share_of_shown", "positive_rate_of_novel", "uci_at_10"),
}
"""The columns that `dvc.yaml` plots, for a tree without an experiment."""


def main(params: Params) -> None:
    """Let sampled users go on from the data's end in every arm, and write what differs."""
    runtime = params.runtime
    config = params.experiment
    threshold = params.dataset.threshold
    torch.set_num_threads(runtime.threads)
    if threshold is None or not is_truth_available(paths.TRUTH):
        print("No experiment: what users would have liked is known of the synthetic world only.")
        _write({"experiment_available": 0}, {k: pl.DataFrame(schema=v) for k, v in EMPTY.items()})
        return
    rng = np.random.default_rng(runtime.seed)
    participants = choose_participants(config.max_users, rng)
    users = [participant.user_id for participant in participants]
    interactions = scan_table(paths.INTERACTIONS, INTERACTIONS)
    environment = build_environment(paths.TRUTH, interactions, users, threshold, rng)
    if config.world == "null":
        environment = _without_undiscovered(environment, rng)
    clusters = read_clusters(params.clusters.serving_level)
    system = load_system(clusters, read_plan())
    policies = PolicyMaker(system, environment, clusters, params.table, config, runtime.seed)
    logs = {}
    for name in (ArmName.CONTROL, *(arm for arm in config.arms if arm != ArmName.CONTROL)):
        arm = Arm(
            name,
            policies.make(name),
            system.recommender,
            system.cluster_of_item,
            calibration=calibration_of(name, config),
        )
        logs[name] = run_arm(
            arm, participants, environment, config, params.serving.exploration, runtime.seed
        )
    figures = summarise(logs, environment, clusters.n_clusters, rng)
    _write(figures, _tabulate(figures, logs, environment))


def _tabulate(
    figures: dict[str, float], logs: Logs, environment: Environment
) -> dict[str, pl.DataFrame]:
    """Return the tables that are plotted, by name."""
    progress = (
        follow_run(log, environment).select(pl.lit(str(arm)).alias("arm"), pl.all())
        for arm, log in logs.items()
    )
    return {
        ROUNDS: follow_rounds(logs, environment.n_users),
        ARMS: tabulate_axes(figures, logs),
        UCI: tabulate_uci(figures, logs),
        LIFT: tabulate_lift(figures, logs),
        PROGRESS: pl.concat(progress),
    }


def _without_undiscovered(environment: Environment, rng: np.random.Generator) -> Environment:
    background = rng.uniform(*BACKGROUND_AFFINITY, environment.affinity.shape)
    return without_undiscovered(environment, background)


def _write(figures: dict[str, float], tables: dict[str, pl.DataFrame]) -> None:
    write_json(figures, paths.metrics_of("experiment"))
    with atomic_folder(paths.plots_of("experiment")) as folder:
        for name, table in tables.items():
            table.write_csv(folder / f"{name}.csv")


if __name__ == "__main__":
    stage.run("experiment", lambda: main(read_params()))
