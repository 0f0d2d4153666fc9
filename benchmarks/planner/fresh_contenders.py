"""What ranks clusters that nobody has touched yet: words, kin, the signal, the planner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from benchmarks.planner.fresh_figures import FreshCases, Histories, hide_in_cases
from benchmarks.planner.fresh_runs import FreshRun
from expectations.contracts.tables import CASES, INTERACTIONS, ITEMS
from inference.evaluation.case_table import fill_case_table, plan_case_table
from inference.evaluation.plan_scores import score_served
from inference.plans.config import PlanConfig
from inference.search.ranking import (
    ContextScorer,
    RankEverything,
    depth_of_best,
    families_of,
)
from pipelines.io import paths
from pipelines.io.artefact_io import read_json, read_table, scan_table
from pipelines.io.planner_windows import Split
from pipelines.params.params import Params, read_params
from training.baselines.clusters.popularity import count_novel_likes
from training.baselines.clusters.visits import collect_visits
from training.baselines.clusters.words import score_words
from training.clusters.representation.reduction import scale_to_unit
from training.clusters.tree_view import ServingClusters
from training.collective.signal import load_signal
from training.curation.timeline import Timeline
from training.evaluation.clusters.cases import PlannerCases, Scores
from training.planner.base.model_io import load_planner
from training.planner.data.planner_data import balance_signal

# Shapes: B cases, N clusters, d dimensions.

WORDS = "words"
PARENT_POPULARITY = "popularity of the parent"
CHANCE = "chance"
SIGNAL = "collective signal"
BALANCED = "collective signal, balanced"
"""As the planner learns it: what it expects most counts less, by ``planner.target_balance``."""
PLANNER = "planner"
TOGETHER = "planner and signal"
TITLES_READ = 20
"""Titles of a cluster that an encoder reads: enough to tell what it is about."""
ENCODER_BATCH = 32
ENCODER_TOKENS = 64
"""Of a title at most."""


def score_fresh(
    run: FreshRun,
    clusters: ServingClusters,
    split: Split,
    similarities: Mapping[str, NDArray[np.float64]],
    kept: Histories = "others",
) -> tuple[FreshCases, dict[str, Scores]]:
    """Return the cases of the run in the working folder and every contender's scores of them.

    Args:
        run: which clusters are fresh.
        clusters: of the tree.
        split: validation or test; of the other one nothing is read.
        similarities: of clusters by what describes them, [N, N], by name; each is a contender.
        kept: what people are planned for by.
    """
    params = read_params()
    cases = PlannerCases.from_frame(read_table(paths.CASES, CASES), split)
    asked = hide_in_cases(cases, run.fresh, clusters.n_clusters, kept)
    histories = asked.cases.histories
    scores = {name: score_words(near, histories) for name, near in similarities.items()}
    shape = (len(asked.cases), clusters.n_clusters)
    likes = _kin_likes(clusters, asked.is_fresh, split)
    scores[PARENT_POPULARITY] = np.broadcast_to(likes, shape)
    scores[CHANCE] = np.random.default_rng(run.draw).random(shape)
    is_test = split == "test"
    signal = paths.SIGNAL_BEFORE_TEST if is_test else paths.SIGNAL_BEFORE_VALIDATION
    collective = load_signal(signal)
    scores[SIGNAL] = score_signal(collective, asked, clusters, params)
    balanced = balance_signal(collective, clusters.n_clusters, params.planner)
    scores[BALANCED] = score_signal(balanced, asked, clusters, params)
    if run.has_planner:
        scores[PLANNER] = _score_planner(asked, clusters, is_test, params)
        scores[TOGETHER] = (scores[PLANNER] + scores[SIGNAL]) / 2
    return asked, scores


def score_signal(
    signal: ContextScorer, asked: FreshCases, clusters: ServingClusters, params: Params
) -> Scores:
    """Return what plans score that are combined from a signal's rows, [B, N]."""
    plan, families = _by_score(clusters, params), families_of(clusters.ancestors)
    ranker = RankEverything(signal, families, params.table)
    histories, n_clusters = asked.cases.histories, clusters.n_clusters
    table = fill_case_table(ranker, n_clusters, histories, params.table, plan)
    return score_served(table, asked.cases, clusters.ancestors, plan)


def _score_planner(
    asked: FreshCases, clusters: ServingClusters, is_test: bool, params: Params
) -> Scores:
    adapter = paths.PLANNER_ADAPTER if is_test else paths.ADAPTER_BEFORE_VALIDATION
    planner, plan = load_planner(paths.BASE_MODEL, adapter), _by_score(clusters, params)
    histories, families = asked.cases.histories, families_of(clusters.ancestors)
    table = plan_case_table(planner, clusters.descriptions, families, histories, params.table, plan)
    return score_served(table, asked.cases, clusters.ancestors, plan)


def _by_score(clusters: ServingClusters, params: Params) -> PlanConfig:
    settings = {**params.plan.model_dump(), "mix": None}
    depth = depth_of_best(clusters.n_clusters, params.table)
    return PlanConfig.model_validate({**settings, "table_depth": depth})


def _kin_likes(
    clusters: ServingClusters, is_fresh: NDArray[np.bool_], split: Split
) -> NDArray[np.float64]:
    """Return the likes of each cluster; of a fresh one, the mean of its family's others, [N]."""
    timeline = Timeline.from_json(read_json(paths.TIMELINE))
    until = timeline.fit_until if split == "test" else timeline.train_until
    log = scan_table(paths.INTERACTIONS, INTERACTIONS)
    frame = clusters.item_cluster_frame()
    likes = count_novel_likes(collect_visits(log, frame, until, clusters.n_clusters))
    families = clusters.ancestors.families
    known = np.bincount(families, ~is_fresh)
    kin = np.bincount(families, likes * ~is_fresh) / np.maximum(known, 1)
    return np.where(is_fresh, kin[families], likes)


def encode_clusters(folder: Path, clusters: ServingClusters) -> NDArray[np.float64]:
    """Return the cosine of two clusters' texts as a language model sees them, [N, N].

    A text's vector is the mean of its tokens' last hidden states, a cluster's the mean of the unit
    vectors of its description and of titles of its items. Read in the folder of a run.

    Args:
        folder: of any model with a tokenizer, such as a sentence encoder.
        clusters: what is described.
    """
    items = read_table(paths.ITEMS, ITEMS)
    title_of = dict(zip(items["item_id"], items["title"], strict=True))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    means = []
    for cluster, description in enumerate(clusters.descriptions):
        titles = [title_of[item] for item in clusters.items_of(cluster)[:TITLES_READ]]
        vectors = _encode(model, tokenizer, [description, *titles])
        means.append(scale_to_unit(vectors).mean(axis=0))
    centred = np.stack(means) - np.mean(means, axis=0)  # hidden states share a large common part
    unit = scale_to_unit(centred).astype(np.float64)
    near = unit @ unit.T
    np.fill_diagonal(near, 0.0)
    return np.asarray(near)


def _encode(
    model: torch.nn.Module, tokenizer: AutoTokenizer, texts: Sequence[str]
) -> NDArray[np.float64]:
    pieces = []
    for start in range(0, len(texts), ENCODER_BATCH):
        batch = tokenizer(
            list(texts[start : start + ENCODER_BATCH]),
            padding=True,
            truncation=True,
            max_length=ENCODER_TOKENS,
            return_tensors="pt",
        )
        with torch.no_grad():
            states = model(**batch).last_hidden_state  # [texts, tokens, d]
        mask = batch["attention_mask"][:, :, None].float()
        pieces.append((states * mask).sum(dim=1) / mask.sum(dim=1))
    return torch.cat(pieces).double().numpy()
