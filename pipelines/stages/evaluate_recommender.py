"""Stage evaluate_recommender: full rankings beside baselines, what restriction costs, the gate."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import torch

from expectations.contracts.tables import (
    CASES,
    INTERACTIONS,
    ITEM_CASES,
    LIST_FIGURES,
    NOVEL_CLUSTER_TABLE,
)
from inference.experiment.arms import System
from inference.experiment.held_out import recall_of_lists
from inference.plans.align import align_batch
from inference.plans.combine import plan_batch
from inference.plans.config import PlanConfig
from inference.table.plan_table import PlanTable
from pipelines.guards.bounds import recommender_bounds
from pipelines.guards.guards import StageGuards
from pipelines.io import paths, stage
from pipelines.io.artefact_io import (
    atomic_folder,
    read_json,
    read_table,
    scan_table,
    write_json,
    write_table,
)
from pipelines.io.clusters_reader import read_clusters
from pipelines.io.plan_reader import read_plan
from pipelines.params.params import Params, read_params
from training.alignment.alignment_io import load_alignment
from training.baselines.items.baselines import (
    Popularity,
    WithPopularity,
    count_popularity,
    fit_item_neighbours,
    fit_markov_chain,
    fit_sequential_neighbours,
)
from training.baselines.items.ease import MAX_EASE_ITEMS, choose_penalty, fit_item_ease
from training.clusters.distance import Ancestors
from training.curation.timeline import Timeline
from training.evaluation.clusters.case_figures import tabulate_cases
from training.evaluation.items.cases import ItemCases
from training.evaluation.items.lists import collect_facts
from training.evaluation.items.measures import DEPTHS
from training.evaluation.items.novel_events import NovelEvents, find_novel_events
from training.evaluation.items.plots import frame_items, frame_models, frame_restrictions
from training.evaluation.items.ranks import SequenceScorer, rank_held_out
from training.evaluation.items.restriction import (
    PLAN_SIZES,
    compare_plan_sizes,
    report_restriction,
)
from training.evaluation.items.summary import summarise_items, summarise_models, summarise_users
from training.recommender.data.histories import read_sequences
from training.recommender.data.layout import ItemLayout
from training.recommender.model.recommender import SequenceRecommender

SPLIT = "test"
PLANNED_CLUSTERS = 5
"""First of a plan, which most explored positions go to; fixed, so that releases compare."""


def main(params: Params) -> None:
    """Rank the test cases by every model, restrict ours in five ways, write figures, then judge."""
    runtime = params.runtime
    torch.set_num_threads(runtime.threads)
    rng = np.random.default_rng(runtime.seed)
    recommender = SequenceRecommender.load(paths.RECOMMENDER)

    figures = compare_models(recommender, rng)
    ancestors = read_clusters(params.clusters.serving_level).ancestors
    plan_config = read_plan()
    events, plans = find_planned_events(recommender.layout, ancestors, plan_config)
    planned = [plan[:PLANNED_CLUSTERS] for plan in plans]
    weight = params.serving.exploration.popularity_weight
    others = list_orders(recommender, weight)
    figures |= report_restriction(recommender, events, planned, recommender.layout, rng, others)
    by_size = compare_plan_sizes(recommender, events, plans, recommender.layout, rng)

    served = measure_served_lists(recommender, ancestors, plan_config)
    write_table(served, paths.LIST_FIGURES, LIST_FIGURES)
    write_json(figures, paths.metrics_of("recommender"))
    with atomic_folder(paths.plots_of("evaluate_recommender")) as folder:
        frame_models(figures).write_csv(folder / "models.csv")
        frame_items(figures).write_csv(folder / "items.csv")
        frame_restrictions(figures).write_csv(folder / "restrictions.csv")
        by_size.write_csv(folder / "plan_sizes.csv")
    guards = StageGuards(paths.gates_of("evaluate_recommender"))
    guards.judge_figures(
        "recommender_figures", figures, recommender_bounds(params.gates.recommender)
    )
    guards.settle()


def compare_models(recommender: SequenceRecommender, rng: np.random.Generator) -> dict[str, float]:
    """Return the figures of ours and of the baselines, all fitted before the first test origin."""
    timeline = Timeline.from_json(read_json(paths.TIMELINE))
    layout = recommender.layout
    _, sequences = read_sequences(
        scan_table(paths.INTERACTIONS, INTERACTIONS), layout, timeline.fit_until
    )
    cases = ItemCases.from_frame(read_table(paths.ITEM_CASES, ITEM_CASES), SPLIT)
    held_out = cases.hold_out(layout)
    models: dict[str, SequenceScorer] = {"recommender": recommender}
    if recommender.neighbours is not None:
        models["transformer_alone"] = SequenceRecommender(
            recommender.model, layout, recommender.config
        )
        models["neighbours_alone"] = recommender.neighbours
    models |= {
        "sequential_neighbours": fit_sequential_neighbours(sequences, layout),
        "markov_chain": fit_markov_chain(sequences, layout),
        "item_neighbours": fit_item_neighbours(sequences, layout),
        "popularity": count_popularity(sequences, layout),
    }
    figures: dict[str, float] = {}
    if layout.n_items <= MAX_EASE_ITEMS:
        figures["ease_penalty"] = choose_ease_penalty(layout, timeline.train_until)
        models["ease"] = fit_item_ease(sequences, layout, figures["ease_penalty"])
    ranked = {
        name: rank_held_out(model, held_out, max(DEPTHS), name) for name, model in models.items()
    }
    facts = collect_facts(sequences, layout)
    return {
        **figures,
        **summarise_models(ranked, held_out, cases.users, facts, rng),
        **summarise_users(ranked, held_out, cases.users, cases.n_consumed, rng),
        **summarise_items(ranked, held_out, cases.users, facts, rng),
    }


def choose_ease_penalty(layout: ItemLayout, validation_start: datetime) -> float:
    """Return the penalty of EASE that does best on the validation cases."""
    _, earlier = read_sequences(
        scan_table(paths.INTERACTIONS, INTERACTIONS), layout, validation_start
    )
    cases = ItemCases.from_frame(read_table(paths.ITEM_CASES, ITEM_CASES), "validation")
    return choose_penalty(earlier, cases.hold_out(layout), layout)


def list_orders(recommender: SequenceRecommender, weight: float) -> dict[str, SequenceScorer]:
    """Return what else may order the items of planned clusters: as served, and popularity."""
    likes = recommender.likes
    if likes is None:
        return {}
    return {
        "served": WithPopularity(recommender, likes, weight),
        "popular": Popularity(likes),
    }


def find_planned_events(
    layout: ItemLayout, ancestors: Ancestors, plan: PlanConfig
) -> tuple[NovelEvents, list[list[int]]]:
    """Return who came to like items of novel clusters, and the served plan of each of them."""
    cases = read_table(paths.CASES, CASES)
    item_cases = read_table(paths.ITEM_CASES, ITEM_CASES)
    frame = read_table(paths.NOVEL_CLUSTER_TABLE, NOVEL_CLUSTER_TABLE)
    table = PlanTable.from_frame(frame, layout.n_clusters)
    events = find_novel_events(cases, item_cases, layout, SPLIT)
    alignment = load_alignment(paths.ALIGNMENT, layout.n_clusters)
    histories, consumed = events.history_clusters, events.consumed_clusters
    depth = max(*PLAN_SIZES, plan.best_of)
    whole = plan_batch(histories, consumed, table, ancestors, plan, depth, alignment.reference)
    plans = align_batch(whole, histories, consumed, alignment, plan).rankings()
    return events, [planned[: max(PLAN_SIZES)] for planned in plans]


def measure_served_lists(
    recommender: SequenceRecommender, ancestors: Ancestors, plan: PlanConfig
) -> pl.DataFrame:
    """Return how the list that would have been served did on each test case."""
    layout = recommender.layout
    system = System(
        recommender,
        PlanTable.from_frame(
            read_table(paths.NOVEL_CLUSTER_TABLE, NOVEL_CLUSTER_TABLE), layout.n_clusters
        ),
        plan,
        load_alignment(paths.ALIGNMENT, layout.n_clusters),
        ancestors,
        dict(zip(layout.item_ids, layout.cluster_of_row.tolist(), strict=True)),
    )
    frame = read_table(paths.ITEM_CASES, ITEM_CASES).filter(pl.col("split") == SPLIT)
    recalls = recall_of_lists(system, ItemCases.from_frame(frame, SPLIT))
    return tabulate_cases(frame, {"recall_at_10": recalls})


if __name__ == "__main__":
    stage.run("evaluate_recommender", lambda: main(read_params()))
