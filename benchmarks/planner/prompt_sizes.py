"""A research arm: prompts of one to eight history clusters, asked without a table.

A table serves prompts of one and two clusters. Whether longer prompts would plan better is measured
here, on the validation cases of a run that `benchmarks.planner.compare --folder` has made:

    python -m benchmarks.planner.prompt_sizes var/planner_runs/planner_0_0_0123456789ab --sizes 1 2
    4 8

For each size the run's base model is fine-tuned anew: half of the prompts show clusters of people's
histories, half any clusters, and are held against what the collective signal says of them, the mean
over their contexts. Then every case is ranked by one prompt with its newest clusters. Beside each
stands the signal asked the same way; below, what the run's own table of contexts would serve.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.markdown import to_markdown
from expectations.contracts.errors import UserError
from expectations.contracts.tables import CASES, TRANSITIONS
from expectations.contracts.values import NO_CLUSTER, contexts_of_history
from inference.evaluation.case_table import plan_case_table
from inference.evaluation.plan_scores import score_served
from inference.search.ranking import depth_of_best, families_of
from pipelines.io import paths
from pipelines.io.artefact_io import read_table
from pipelines.io.clusters_reader import read_clusters
from pipelines.io.command import run_command
from pipelines.params.params import read_params
from training.clusters.tree_view import ServingClusters
from training.collective.signal import load_signal
from training.evaluation.clusters.cases import PlannerCases, Scores
from training.evaluation.clusters.compare import KS, measure_rankings
from training.planner.base.adapter_io import add_adapter
from training.planner.base.hardware import prepare_for_tuning
from training.planner.base.model_io import Planner, load_base, load_planner
from training.planner.config import PlannerConfig
from training.planner.data.planner_data import BalancedSignal, balance_signal
from training.planner.data.transitions import Transitions, read_transitions
from training.planner.schedule import make_adapter_optimizer, take_step
from training.planner.tuning.finetune import encode_descriptions, trained_weights
from training.planner.tuning.losses import collective_loss
from training.planner.tuning.scored_batch import score_batch
from training.planner.tuning.validation import PlannerTokens

# Shapes: B prompts or cases, N clusters.

History = Sequence[int]
"""Clusters of one prompt, newest first."""


def main() -> None:
    """Fine-tune and ask for each size, and print recall on the validation cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a planner's run")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if not (arguments.folder / paths.PLANNER_ADAPTER).is_dir():
        remedy = "give a planner's folder that benchmarks.planner.compare --folder has left"
        raise UserError(str(arguments.folder), "holds a planner's run", remedy)
    if min(arguments.sizes) < 1:
        sample = str(min(arguments.sizes))
        raise UserError("--sizes", "a prompt shows one cluster or more", "correct it", sample)
    torch.set_num_threads(arguments.threads)
    with contextlib.chdir(arguments.folder):
        print(measure(arguments.sizes, arguments.seed))


def measure(sizes: Sequence[int], seed: int) -> str:
    """Return a Markdown table of recall for the run in the working folder."""
    clusters = read_clusters(read_params().clusters.serving_level)
    config = read_params().planner
    cases = PlannerCases.from_frame(read_table(paths.CASES, CASES), "validation")
    train = read_transitions(read_table(paths.TRANSITIONS, TRANSITIONS), "train")
    loaded = load_signal(paths.SIGNAL_BEFORE_VALIDATION)
    signal = balance_signal(loaded, clusters.n_clusters, config)
    rows = []
    for size in sizes:
        newest = [history[:size] for history in cases.histories]
        planner, tokens = tune(size, clusters.descriptions, train, signal, config, seed)
        asked = ask(planner, tokens, newest, config.batch_size)
        rows.append([f"one prompt of {size}", *judge(asked, cases)])
        rows.append([f"the signal of {size}", *judge(expect_of(signal, newest), cases)])
    rows.append(["the run's table", *judge(look_up_plans(clusters, cases), cases)])
    return to_markdown(["asked", *(f"recall@{k}" for k in KS)], rows)


def tune(
    size: int,
    descriptions: tuple[str, ...],
    train: Transitions,
    signal: BalancedSignal,
    config: PlannerConfig,
    seed: int,
) -> tuple[Planner, PlannerTokens]:
    """Return the base model tuned to prompts of up to ``size`` clusters, and its tokens."""
    rng = np.random.default_rng(seed)
    base = load_base(paths.BASE_MODEL, config.hardware)
    plain = Planner(prepare_for_tuning(base.model, config.hardware), base.tokenizer, config.prompt)
    tokens = encode_descriptions(plain, descriptions)
    planner = Planner(add_adapter(plain.model, config.lora, seed), base.tokenizer, config.prompt)
    weights = trained_weights(planner.model)
    optimizer, scheduler = make_adapter_optimizer(planner.model, config)
    planner.model.train()
    for _ in tqdm(range(config.max_steps), desc=f"prompts of {size}", unit="step", disable=None):
        shown = draw_histories(size, train, len(descriptions), config, rng)
        expected = torch.from_numpy(expect_of(signal, shown)).float()
        scores = score_prompts(planner, tokens, shown)
        collective_loss(scores, expected).backward()  # type: ignore[no-untyped-call]
        take_step(weights, optimizer, scheduler)
    planner.model.eval()
    return planner, tokens


def draw_histories(
    size: int, train: Transitions, n_clusters: int, config: PlannerConfig, rng: np.random.Generator
) -> list[list[int]]:
    """Return a batch of prompts: clusters of people's histories, then any clusters."""
    n_free = round(config.batch_size * config.table_share)
    drawn = train.histories[rng.integers(len(train), size=config.batch_size - n_free)]
    known = [[int(cluster) for cluster in row if cluster != NO_CLUSTER] for row in drawn]
    known += [rng.permutation(n_clusters)[:size].tolist() for _ in range(n_free)]
    wanted = np.where(rng.random(len(known)) < config.single_share, 1, size)
    return [
        rng.permutation(history)[:count].tolist()
        for history, count in zip(known, wanted, strict=True)
    ]


def expect_of(signal: BalancedSignal, histories: Sequence[History]) -> NDArray[np.float64]:
    """Return the mean of what the signal says of all contexts, a distribution a row, [B, N]."""
    rows = []
    for history in histories:
        with np.errstate(divide="ignore"):
            logs = np.log(signal.expect(contexts_of_history(list(history)))).mean(axis=0)  # [N]
        rows.append(np.exp(logs - logs.max()))
    return np.array([row / row.sum() for row in rows])


def score_prompts(
    planner: Planner, tokens: PlannerTokens, histories: Sequence[History]
) -> torch.Tensor:
    """Return the log-score of every cluster after one prompt for each history, [B, N]."""
    prompts = [
        planner.encode_prompt([tokens.descriptions[member] for member in sorted(history)])
        for history in histories
    ]
    ends = [[planner.end_token_id]] * len(prompts)
    scored = score_batch(planner.model, prompts, ends, tokens.tree, planner.pad_token_id)
    assert scored.cluster_scores is not None  # a tree was given
    return scored.cluster_scores


def ask(
    planner: Planner, tokens: PlannerTokens, histories: Sequence[History], at_once: int
) -> Scores:
    """Return the planner's score of every cluster for every case, [B, N]."""
    pieces = []
    with torch.no_grad():
        for start in range(0, len(histories), at_once):
            pieces.append(score_prompts(planner, tokens, histories[start : start + at_once]))
    return np.asarray(torch.cat(pieces).double().numpy())


def look_up_plans(clusters: ServingClusters, cases: PlannerCases) -> Scores:
    """Return what the run's own planner, of before validation, would serve from a table, [B, N]."""
    planner = load_planner(paths.BASE_MODEL, paths.ADAPTER_BEFORE_VALIDATION)
    table, families = read_params().table, families_of(clusters.ancestors)
    depth = depth_of_best(clusters.n_clusters, table)
    plan = read_params().plan.settle((1, 1, 1), depth)  # of the plan only its scores are read
    rows = plan_case_table(planner, clusters.descriptions, families, cases.histories, table, plan)
    return score_served(rows, cases, clusters.ancestors, plan)


def judge(scores: Scores, cases: PlannerCases) -> list[str]:
    """Return the mean recall at each depth, three decimals."""
    ranked = cases.drop_consumed(scores, scores.shape[1])
    figures = measure_rankings(ranked, cases)
    return [f"{figures[f'recall_at_{k}'].mean():.3f}" for k in KS]


if __name__ == "__main__":
    run_command(main)
