"""Stage alignment: how plans heed what people came to like, by a model of feedback and a mix."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import polars as pl
import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from expectations.contracts.tables import CASES, TRANSITIONS
from inference.evaluation.case_table import plan_case_table
from inference.evaluation.plan_scores import score_served
from inference.plans.align import propose_scored
from inference.plans.config import PlanConfig
from inference.plans.personal_mix import find_mixes, find_prices
from inference.search.config import TableConfig
from inference.search.ranking import depth_of_best, families_of
from pipelines.io import paths, stage
from pipelines.io.artefact_io import atomic_file, read_table, write_json
from pipelines.io.clusters_reader import read_clusters
from pipelines.params.params import Params, read_params
from training.alignment.alignment import fit_alignment
from training.alignment.alignment_io import save_alignment
from training.alignment.reference_plans import ReferencePlans, sample_plans
from training.alignment.user_model import fit_user_models
from training.clusters.distance import DISTANCES
from training.clusters.tree_view import ServingClusters
from training.evaluation.clusters.by_distance import CaseDistances, average_likes
from training.evaluation.clusters.cases import PlannerCases, Scores
from training.planner.base.model_io import load_planner

DECIMALS = 4
"""Of ``metrics/alignment.json``."""


def main(params: Params) -> None:
    """Fit user models before validation, choose and weigh one there, refit it with validation."""
    config = params.alignment
    runtime = params.runtime
    clusters = read_clusters(params.clusters.serving_level)
    transitions = read_table(paths.TRANSITIONS, TRANSITIONS)
    frame = read_table(paths.CASES, CASES)
    cases = PlannerCases.from_frame(frame, "validation")
    torch.set_num_threads(runtime.threads)
    with threadpool_limits(runtime.threads):  # another number of threads sums in another order
        found = CaseDistances.of(cases, clusters.ancestors)
        distances, liked_shares = found.codes, average_likes(found)
        plan = params.plan.settle(liked_shares, depth_of_best(clusters.n_clusters, params.table))
        scores = _score(clusters, cases, paths.ADAPTER_BEFORE_VALIDATION, params.table, plan)
        reference = sample_plans(scores, distances)
        mixes = find_mixes(scores, distances, plan, reference)
        proposals = propose_scored(scores, cases, distances, plan, mixes)
        models = fit_user_models(
            transitions, ("train",), clusters.n_clusters, config.penalties, config.decay
        )
        tried = [
            fit_alignment(model, proposals, cases.positives, config.user_weight_penalty)
            for model in models
        ]
        best = min(range(len(tried)), key=lambda nth: tried[nth].loss)
        fitted, penalty = tried[best], config.penalties[best]
        (user_model,) = fit_user_models(
            transitions, ("train", "validation"), clusters.n_clusters, (penalty,), config.decay
        )
        reference_now = _sample_now(clusters, frame, params.table, plan) or reference
    before = replace(fitted.alignment, reference=reference)
    now = replace(before, user_model=user_model, reference=reference_now)
    for path, alignment in (
        (paths.ALIGNMENT_BEFORE_VALIDATION, before),
        (paths.ALIGNMENT, now),
    ):
        with atomic_file(path) as file:
            save_alignment(alignment, file)
    write_json(plan.to_json(), paths.PLAN_CONFIG)
    figures = {
        "n_validation_cases": len(cases),
        "penalty": penalty,
        "plan_weight": round(fitted.alignment.plan_weight, DECIMALS),
        "user_weight": round(fitted.alignment.user_weight, DECIMALS),
        "validation_loss": round(fitted.loss, DECIMALS),
        "validation_gain": round(fitted.gain, DECIMALS),
        "validation_gain_error": round(fitted.gain_error, DECIMALS),
        "validation_recall_gain": round(fitted.recall_gain, DECIMALS),
        **{
            f"liked_share_{distance}": round(share, DECIMALS)
            for distance, share in zip(DISTANCES, liked_shares, strict=True)
        },
        **_prices(plan, reference_now),
    }
    write_json(figures, paths.metrics_of("alignment"))


def _prices(plan: PlanConfig, reference: ReferencePlans) -> dict[str, float]:
    """Return the price of each distance that the plan's own mix gives places to, by figure."""
    if plan.mix is None or not len(reference):
        return {}
    least = DISTANCES.index(plan.novelty)
    prices = find_prices(reference, plan.mix.weights, least, plan.mix_of_all)
    return {
        f"price_{distance}": price
        for distance, price in zip(DISTANCES, prices, strict=True)
        if math.isfinite(price)
    }


def _sample_now(
    clusters: ServingClusters, frame: pl.DataFrame, table: TableConfig, plan: PlanConfig
) -> ReferencePlans | None:
    """Return plans of the planner that is released, by which mixes are made people's own.

    People come to know more and lean otherwise than in the validation window. So the states of
    the test cases are asked, and nothing of what came of them; ``None`` where there are none.
    """
    cases = PlannerCases.from_frame(frame, "test")
    if not len(cases):
        return None
    scores = _score(clusters, cases, paths.PLANNER_ADAPTER, table, plan)
    return sample_plans(scores, cases.distances(clusters.ancestors))


def _score(
    clusters: ServingClusters,
    cases: PlannerCases,
    adapter: Path,
    table: TableConfig,
    plan: PlanConfig,
) -> Scores:
    """Return the scores that the planner of this adapter gives in these cases."""
    planner = load_planner(paths.BASE_MODEL, adapter)
    families = families_of(clusters.ancestors)
    rows = plan_case_table(planner, clusters.descriptions, families, cases.histories, table, plan)
    return score_served(rows, cases, clusters.ancestors, plan)


if __name__ == "__main__":
    stage.run("alignment", lambda: main(read_params()))
