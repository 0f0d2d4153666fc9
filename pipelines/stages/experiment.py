"""The simulated live experiment: the same users under every policy, and without exploration."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch

from expectations.contracts.tables import INTERACTIONS
from inference.experiment.calibration import calibration_of
from inference.experiment.config import ArmName
from inference.experiment.environment import Environment, without_undiscovered
from inference.experiment.outcomes import compare_arms, follow_rounds, summarise
from inference.experiment.simulate import Arm, run_arm
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

ROUNDS_FILE = "rounds.csv"
ARMS_FILE = "arms.csv"
NO_ROUNDS = pl.DataFrame(
    schema=["round", "control_novel_clusters_per_user", "planner_novel_clusters_per_user"]
)
NO_ARMS = pl.DataFrame(schema=["arm", "novel_share_of_shown", "positive_rate_of_novel"])


def main(params: Params) -> None:
    """Let sampled users go on from the data's end in every arm, and write what differs."""
    runtime = params.runtime
    config = params.experiment
    threshold = params.dataset.threshold
    torch.set_num_threads(runtime.threads)
    if threshold is None or not is_truth_available(paths.TRUTH):
        print("No experiment: what users would have liked is known of the synthetic world only.")
        _write({"experiment_available": 0}, NO_ROUNDS, NO_ARMS)
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
    _write(figures, follow_rounds(logs, len(users)), compare_arms(figures, logs))


def _without_undiscovered(environment: Environment, rng: np.random.Generator) -> Environment:
    background = rng.uniform(*BACKGROUND_AFFINITY, environment.affinity.shape)
    return without_undiscovered(environment, background)


def _write(figures: dict[str, float], rounds: pl.DataFrame, arms: pl.DataFrame) -> None:
    write_json(figures, paths.metrics_of("experiment"))
    with atomic_folder(paths.plots_of("experiment")) as folder:
        rounds.write_csv(folder / ROUNDS_FILE)
        arms.write_csv(folder / ARMS_FILE)


if __name__ == "__main__":
    stage.run("experiment", lambda: main(read_params()))
