"""Saves and loads an alignment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from expectations.contracts.errors import UserError
from training.alignment.alignment import Alignment
from training.alignment.reference_plans import NOBODY, PLACES, ReferencePlans
from training.baselines.clusters.logistic import N_FEATURE_GROUPS, LogisticModel
from training.clusters.distance import DISTANCES


def save_alignment(alignment: Alignment, file: Path) -> None:
    """Write the alignment as safetensors."""
    model = alignment.user_model
    parts = {
        "weights": model.weights,
        "popularity": model.popularity,
        "settings": np.array([model.decay, alignment.plan_weight, alignment.user_weight]),
        "reference": alignment.reference.probabilities,
        "reference_rest": alignment.reference.rest,
    }
    save_file({name: np.ascontiguousarray(part) for name, part in parts.items()}, file)


def load_alignment(file: Path, n_clusters: int) -> Alignment:
    """Return a saved alignment.

    Raises:
        UserError: the file is no alignment of so many clusters.
    """
    remedy = "run the stage alignment again, then publish the release"
    try:
        parts = load_file(file)
        decay, plan_weight, user_weight = parts["settings"].tolist()
        model = LogisticModel(parts["weights"], parts["popularity"], decay)
        reference = _read_reference(parts)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise UserError(str(file), "holds an alignment", remedy, str(error)[:200]) from None
    shape = (N_FEATURE_GROUPS * n_clusters + 1, n_clusters)
    if model.weights.shape != shape or model.popularity.shape != shape[1:]:
        rule = f"is an alignment of {n_clusters} clusters"
        raise UserError(str(file), rule, remedy, f"weights {model.weights.shape}")
    return Alignment(model, plan_weight, user_weight, reference)


def _read_reference(parts: Mapping[str, np.ndarray]) -> ReferencePlans:
    if "reference" not in parts:
        return NOBODY  # a release of before: there everybody gets the same mix
    found = ReferencePlans(parts["reference"], parts["reference_rest"])
    if found.probabilities.shape != (*found.rest.shape, PLACES) or found.rest.shape[1:] != (
        len(DISTANCES),
    ):
        raise ValueError(f"reference plans {found.probabilities.shape}, {found.rest.shape}")
    return found
