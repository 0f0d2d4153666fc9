"""What the experiment found: figures of each arm and their paired differences, with intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from inference.experiment.config import ArmName
from inference.experiment.environment import Environment
from inference.experiment.pooled_outcomes import describe_pooled, pooled_measures
from inference.experiment.random_streams import Floats
from inference.experiment.user_outcomes import PER_USER, RATIOS, tabulate_ratios, tabulate_users
from training.evaluation.metrics import LEVEL, Interval, resample_sums

COMPARED = (
    "novel_clusters_per_user",
    "latent_interests_found_per_user",
    "positives_per_shown",
    "uci_at_10",
    "novel_share_of_shown",
    "positive_rate_of_novel",
)
"""The figures whose differences between arms are written: novelty, liking, and both together."""

Logs = Mapping[ArmName, pl.DataFrame]


def summarise(
    logs: Logs, environment: Environment, n_clusters: int, rng: np.random.Generator
) -> dict[str, float]:
    """Return the flat figures of ``metrics/experiment.json``.

    Every figure of an arm is prefixed by the arm's name; differences are every arm's to the
    control, and the planner's to every other arm. Intervals are 95%: bootstrap over users, on
    shared draws; for figures of all that was shown, the jackknife over groups of users.

    Args:
        logs: what each arm showed, see :func:`inference.experiment.simulate.run_arm`; the control
            is among them.
        environment: the truth.
        n_clusters: clusters at the serving level.
        rng: for the bootstrap.
    """
    n_users, n_items = environment.n_users, len(environment.item_ids)
    figures: dict[str, float] = {
        "experiment_available": 1,
        "users": n_users,
        "rounds": logs[ArmName.CONTROL]["round"].n_unique(),
        "items": n_items,
        "clusters": n_clusters,
        "untouched_interests_per_user": round(
            float(environment.is_untouched.sum(axis=1).mean()), 6
        ),
    }
    for arm, log in logs.items():
        figures |= _count(arm, log)
    drawn = _draw(logs, environment, rng)
    for arm, columns in drawn.items():
        for name, column in columns.items():
            figures |= _interval(column, n_users).named(f"{arm}_{name}")
    for arm, other in _pairs(logs):
        for name in COMPARED:
            difference = drawn[arm][name] - drawn[other][name]
            figures |= _interval(difference, n_users).named(f"{arm}_minus_{other}_{name}")
    named = {str(arm): log for arm, log in logs.items()}
    measures = pooled_measures(n_items, n_clusters)
    return figures | describe_pooled(named, str(ArmName.CONTROL), measures)


def follow_rounds(logs: Logs, n_users: int) -> pl.DataFrame:
    """Return, per round, novel clusters liked so far per user and the positive rate, by arm."""
    first, *others = (_follow_arm(str(arm), log, n_users) for arm, log in logs.items())
    for frame in others:
        first = first.join(frame, on="round", maintain_order="left")
    return first


def _draw(
    logs: Logs, environment: Environment, rng: np.random.Generator
) -> dict[ArmName, dict[str, Floats]]:
    """Return every figure of every arm: over all users, then over each draw, [1 + resamples]."""
    n_users = environment.n_users
    tables = [
        np.column_stack([tabulate_users(log, environment), tabulate_ratios(log, n_users)])
        for log in logs.values()
    ]
    joined = np.concatenate(tables, axis=1)  # [U, arms x columns]
    sums = np.concatenate([joined.sum(axis=0)[None], resample_sums(joined, rng)])
    width = tables[0].shape[1]
    drawn = {}
    for nth, arm in enumerate(logs):
        own = sums[:, nth * width : (nth + 1) * width]
        means = own[:, : len(PER_USER)] / n_users
        totals, counted = own[:, len(PER_USER) :: 2], own[:, len(PER_USER) + 1 :: 2]
        ratios = counted / np.maximum(totals, 1)
        columns = np.concatenate([means, ratios], axis=1).T
        drawn[arm] = dict(zip((*PER_USER, *RATIOS), columns, strict=True))
    return drawn


def _interval(column: Floats, n_users: int) -> Interval:
    low, high = np.quantile(column[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(column[0]), float(low), float(high), n_users, n_users)


def _pairs(logs: Logs) -> list[tuple[ArmName, ArmName]]:
    pairs: list[tuple[ArmName, ArmName]] = [
        (arm, ArmName.CONTROL) for arm in logs if arm != ArmName.CONTROL
    ]
    if ArmName.PLANNER in logs:
        known = (ArmName.CONTROL, ArmName.PLANNER)
        pairs += [(ArmName.PLANNER, rival) for rival in logs if rival not in known]
    return pairs


def _count(arm: ArmName, log: pl.DataFrame) -> dict[str, float]:
    return {
        f"{arm}_shown": log.height,
        f"{arm}_shown_exploratory": int(log["is_exploratory"].sum()),
        f"{arm}_shown_novel": int(log["is_novel"].sum()),
        f"{arm}_consumed": int(log["is_consumed"].sum()),
        f"{arm}_positive": int(log["is_positive"].sum()),
    }


def _follow_arm(prefix: str, log: pl.DataFrame, n_users: int) -> pl.DataFrame:
    first = log.filter("is_positive", "is_novel").unique(
        ["user", "cluster"], keep="first", maintain_order=True
    )
    adopted = first.group_by("round").agg(new=pl.len())
    per_round = log.group_by("round").agg(rate=pl.mean("is_positive")).sort("round")
    so_far = pl.col("new").fill_null(0).cum_sum() / n_users
    return (
        per_round.join(adopted, on="round", how="left", maintain_order="left")
        .select(
            "round",
            so_far.round(6).alias(f"{prefix}_novel_clusters_per_user"),
            pl.col("rate").round(6).alias(f"{prefix}_positives_per_shown"),
        )
        .with_columns(pl.col("round") + 1)
    )
