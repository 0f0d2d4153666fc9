"""The figures laid out for plots: one row a bar."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

MODELS = (
    "recommender",
    "sequential_neighbours",
    "markov_chain",
    "item_neighbours",
    "ease",
    "popularity",
)
RESTRICTIONS = ("anywhere", "planned", "random", "true")


def frame_models(figures: Mapping[str, float]) -> pl.DataFrame:
    """Return model, NDCG@10, and its interval's bounds, one row a model."""
    return _frame("model", {name: f"{name}_ndcg_at_10" for name in MODELS}, figures)


def frame_restrictions(figures: Mapping[str, float]) -> pl.DataFrame:
    """Return restriction, hit rate@10, and its interval's bounds, one row a restriction."""
    names = {name: f"novel_{name}_hit_rate_at_10" for name in RESTRICTIONS}
    return _frame("restriction", names, figures)


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
