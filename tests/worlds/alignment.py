"""Alignments for tests: one that changes nothing, some that say whatever chance says."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from inference.plans.config import PlanConfig
from pipelines.io import paths
from pipelines.io.artefact_io import write_json
from training.alignment.alignment import Alignment
from training.alignment.alignment_io import save_alignment
from training.alignment.reference_plans import ReferencePlans, sample_plans
from training.baselines.clusters.logistic import N_FEATURE_GROUPS, LogisticModel
from training.clusters.distance import DISTANCES, KNOWN

DECAY = 0.8


def keep_order(n_clusters: int) -> Alignment:
    """Return an alignment whose user model has no say."""
    weights = np.zeros((N_FEATURE_GROUPS * n_clusters + 1, n_clusters), dtype=np.float32)
    model = LogisticModel(weights, np.zeros(n_clusters, dtype=np.float32), DECAY)
    return Alignment(model, 1.0, 0.0)


def prefer(cluster: int, n_clusters: int) -> Alignment:
    """Return an alignment that puts one cluster first, whoever asks."""
    alignment = keep_order(n_clusters)
    alignment.user_model.popularity[cluster] = 1.0
    return Alignment(alignment.user_model, 0.0, 1.0)


def draw_alignment(rng: np.random.Generator, n_clusters: int) -> Alignment:
    """Return an alignment with a random user model that has half of the say."""
    weights = rng.normal(size=(N_FEATURE_GROUPS * n_clusters + 1, n_clusters)).astype(np.float32)
    popularity = rng.normal(size=n_clusters).astype(np.float32)
    return Alignment(LogisticModel(weights, popularity, DECAY), 1.0, 1.0)


def draw_reference(rng: np.random.Generator, n_people: int, n_clusters: int) -> ReferencePlans:
    """Return plans of people who know a few clusters at random and lean as chance says."""
    codes = rng.integers(KNOWN, len(DISTANCES), (n_people, n_clusters)).astype(np.int8)
    lean = np.take_along_axis(rng.normal(size=(n_people, len(DISTANCES))), codes, axis=1)
    scores = rng.normal(size=codes.shape) + lean
    return sample_plans(np.where(codes == KNOWN, -np.inf, scores), codes)


def leave_alignment(alignment: Alignment, file: Path) -> None:
    """Write an alignment where a stage would have left it, and a plan by score beside it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    save_alignment(alignment, file)
    write_json(PlanConfig().to_json(), file.with_name(paths.PLAN_CONFIG.name))
