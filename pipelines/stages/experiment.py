"""The simulated live experiment: the same users under every policy, and without exploration."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch

from expectations.contracts.tables import (
    INTERACTIONS,
    NOVEL_CLUSTER_TABLE,
    USER_CLUSTER_HISTORY,
    USER_ITEM_HISTORY,
)
from inference.experiment.arms import System
from inference.experiment.config import ArmName, ExperimentConfig
from inference.experiment.environment import Environment, without_undiscovered
from inference.experiment.outcomes import compare_arms, follow_rounds, summarise
from inference.experiment.participants import Participant, assemble_participants
from inference.experiment.simulate import Arm, run_arm
from inference.plans.config import PlanConfig
from inference.table.plan_table import PlanTable
from pipelines.experiment.policies import PolicyMaker
from pipelines.experiment.simulation import build_environment
from pipelines.io import paths, stage
from pipelines.io.artefact_io import atomic_folder, read_table, scan_table, write_json
from pipelines.io.clusters_reader import read_clusters
from pipelines.io.plan_reader import read_plan
from pipelines.params.params import Params, read_params
from pipelines.sources.synthetic.people import BACKGROUND_AFFINITY
from pipelines.sources.synthetic.truth import is_truth_available
from training.alignment.alignment_io import load_alignment
from training.clusters.tree_view import ServingClusters
from training.recommender.model.recommender import SequenceRecommender

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
    participants = _choose_participants(config, rng)
    users = [participant.user_id for participant in participants]
    interactions = scan_table(paths.INTERACTIONS, INTERACTIONS)
    environment = build_environment(paths.TRUTH, interactions, users, threshold, rng)
    if config.world == "null":
        environment = _without_undiscovered(environment, rng)
    clusters = read_clusters(params.clusters.serving_level)
    system = _load_system(clusters, read_plan())
    policies = PolicyMaker(system, environment, clusters, params.table, config, runtime.seed)
    logs = {}
    for name in (ArmName.CONTROL, *(arm for arm in config.arms if arm != ArmName.CONTROL)):
        arm = Arm(name, policies.make(name), system.recommender, system.cluster_of_item)
        logs[name] = run_arm(
            arm, participants, environment, config, params.serving.exploration, runtime.seed
        )
    figures = summarise(logs, environment, clusters.n_clusters, rng)
    _write(figures, follow_rounds(logs, len(users)), compare_arms(figures, logs))


def _without_undiscovered(environment: Environment, rng: np.random.Generator) -> Environment:
    background = rng.uniform(*BACKGROUND_AFFINITY, environment.affinity.shape)
    return without_undiscovered(environment, background)


def _choose_participants(config: ExperimentConfig, rng: np.random.Generator) -> list[Participant]:
    """Return a sample of the users with a liked cluster, as they are at the data's end."""
    histories = scan_table(paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY)
    has_liked = histories.filter(pl.col("history_clusters").list.len() > 0)
    known = has_liked.select(pl.col("user_id").unique().sort()).collect()["user_id"]
    order = rng.permutation(len(known))[: config.max_users]
    chosen = known.gather(np.sort(order)).to_frame().lazy()
    items = scan_table(paths.USER_ITEM_HISTORY, USER_ITEM_HISTORY)
    return assemble_participants(
        histories.join(chosen, on="user_id", how="semi").collect(),
        items.join(chosen, on="user_id", how="semi").collect(),
    )


def _load_system(clusters: ServingClusters, plan: PlanConfig) -> System:
    table = read_table(paths.NOVEL_CLUSTER_TABLE, NOVEL_CLUSTER_TABLE)
    return System(
        SequenceRecommender.load(paths.RECOMMENDER),
        PlanTable.from_frame(table, clusters.n_clusters),
        plan,
        load_alignment(paths.ALIGNMENT, clusters.n_clusters),
        clusters.ancestors,
        dict(zip(clusters.item_ids, clusters.cluster_of_item.tolist(), strict=True)),
    )


def _write(figures: dict[str, float], rounds: pl.DataFrame, arms: pl.DataFrame) -> None:
    write_json(figures, paths.metrics_of("experiment"))
    with atomic_folder(paths.plots_of("experiment")) as folder:
        rounds.write_csv(folder / ROUNDS_FILE)
        arms.write_csv(folder / ARMS_FILE)


if __name__ == "__main__":
    stage.run("experiment", lambda: main(read_params()))
