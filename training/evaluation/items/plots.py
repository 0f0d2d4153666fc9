"""The figures laid out for plots."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from training.evaluation.items.buckets import ITEM_BUCKETS

MODELS = (
    "recommender",
    "transformer_alone",
    "neighbours_alone",
    "sequential_neighbours",
    "markov_chain",
    "item_neighbours",
    "ease",
    "popularity",
)
RESTRICTIONS = (
    "anywhere",
    "unconsumed",
    "planned",
    "planned_served",
    "planned_popular",
    "random",
    "true",
)


def frame_models(figures: Mapping[str, float]) -> pl.DataFrame:
    """Return model, NDCG@10, and its interval's bounds, one row a model."""
    return _frame("model", {name: f"{name}_ndcg_at_10" for name in MODELS}, figures)


def frame_restrictions(figures: Mapping[str, float]) -> pl.DataFrame:
    """Return restriction, hit rate@10, and its interval's bounds, one row a restriction."""
    names = {name: f"novel_{name}_hit_rate_at_10" for name in RESTRICTIONS}
    return _frame("restriction", names, figures)


def frame_items(figures: Mapping[str, float]) -> pl.DataFrame:
    """Return bucket, and recall@10 of its items by each model, a column each.

    Buckets without a case are left out.
    """
    measured = [name for name in MODELS if f"{name}_ndcg_at_10" in figures]
    buckets = [bucket for bucket in ITEM_BUCKETS if figures.get(f"n_positives_{bucket}_items")]
    columns = {
        name: [figures[f"{name}_recall_at_10_{bucket}_items"] for bucket in buckets]
        for name in measured
    }
    names = [f"{bucket} items" for bucket in buckets]
    schema = {"bucket": pl.String} | dict.fromkeys(measured, pl.Float64)
    return pl.DataFrame({"bucket": names, **columns}, schema=schema)


def _frame(label: str, names: Mapping[str, str], figures: Mapping[str, float]) -> pl.DataFrame:
    shown = {name: key for name, key in names.items() if key in figures}
    return pl.DataFrame(
        {
            label: list(shown),
            "mean": [figures[key] for key in shown.values()],
            "low": [figures[f"{key}_low"] for key in shown.values()],
            "high": [figures[f"{key}_high"] for key in shown.values()],
        },
        schema={label: pl.String, "mean": pl.Float64, "low": pl.Float64, "high": pl.Float64},
    )
