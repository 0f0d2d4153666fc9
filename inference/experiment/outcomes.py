"""What the experiment found: figures per arm and their paired differences, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import polars as pl

from inference.experiment.arms import Arm
from inference.experiment.environment import Environment, Floats
from training.evaluation.metrics import Interval, bootstrap_interval, bootstrap_intervals

KEPT_POSITIVES = 2
"""A second like tells an interest from a chance."""
JACKKNIFE_GROUPS = 20
"""Of users; from g groups a standard error errs by about 1 / sqrt(2 (g - 1)): a sixth here."""
NORMAL_QUANTILE = 1.959964  # of 97.5%

PER_USER = (
    "novel_clusters_per_user",
    "users_with_novel_cluster_share",
    "kept_novel_clusters_per_user",
    "latent_interests_found_per_user",
    "positives_per_shown",
)
"""The figures that are means over users, in the order of :func:`tabulate_users`."""


def summarise(
    logs: Mapping[Arm, pl.DataFrame],
    environment: Environment,
    n_clusters: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return the flat figures of ``metrics/experiment.json``.

    Every figure of an arm is prefixed by the arm's name, paired differences (exploration minus
    control) by ``difference``. Intervals are 95%: bootstrap over users; for the two coverages,
    which a bootstrap underrates, the jackknife over groups of users.

    Args:
        logs: what each arm showed, see :func:`inference.experiment.simulate.run_arm`.
        environment: the truth.
        n_clusters: clusters at the serving level.
        rng: for the bootstrap.
    """
    figures: dict[str, float] = {
        "experiment_available": 1,
        "users": environment.n_users,
        "rounds": logs[Arm.CONTROL]["round"].n_unique(),
        "items": len(environment.item_ids),
        "clusters": n_clusters,
        "untouched_interests_per_user": round(
            float(environment.is_untouched.sum(axis=1).mean()), 6
        ),
    }
    tables = {str(arm): tabulate_users(log, environment) for arm, log in logs.items()}
    tables["difference"] = tables[Arm.EXPLORATION] - tables[Arm.CONTROL]
    users = np.arange(environment.n_users)
    for prefix, table in tables.items():
        intervals = bootstrap_intervals(table, users, rng)
        for name, interval in zip(PER_USER, intervals, strict=True):
            figures |= interval.named(f"{prefix}_{name}")
    for arm, log in logs.items():
        figures |= _describe_consumption(arm, log, rng)
    for name, column, total in (
        ("catalogue_coverage", "item", len(environment.item_ids)),
        ("cluster_coverage", "cluster", n_clusters),
    ):
        figures |= _describe_coverage(name, column, total, logs, environment.n_users)
    return figures


def tabulate_users(log: pl.DataFrame, environment: Environment) -> Floats:
    """Return the figures of :data:`PER_USER` for every user, [n_users, n_figures]."""
    liked = log.filter("is_positive")
    novel = liked.filter("is_novel").group_by("user", "cluster").len()
    found = environment.is_untouched[liked["user"].to_numpy(), liked["topic"].to_numpy()]
    latent = liked.filter(pl.Series(found)).unique(["user", "topic"])
    n_novel = _count_by_user(novel, environment.n_users)
    shown = np.maximum(_count_by_user(log, environment.n_users), 1)
    return np.column_stack(
        [
            n_novel,
            n_novel > 0,
            _count_by_user(novel.filter(pl.col("len") >= KEPT_POSITIVES), environment.n_users),
            _count_by_user(latent, environment.n_users),
            _count_by_user(liked, environment.n_users) / shown,
        ]
    ).astype(np.float64)


def follow_rounds(logs: Mapping[Arm, pl.DataFrame], n_users: int) -> pl.DataFrame:
    """Return, per round, novel clusters liked so far per user and the positive rate, by arm."""
    frames = [_follow_arm(str(arm), log, n_users) for arm, log in logs.items()]
    return frames[0].join(frames[1], on="round", maintain_order="left")


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


def _describe_consumption(
    arm: Arm, log: pl.DataFrame, rng: np.random.Generator
) -> dict[str, float]:
    consumed = log.filter("is_consumed")
    figures: dict[str, float] = {
        f"{arm}_shown": log.height,
        f"{arm}_shown_exploratory": int(log["is_exploratory"].sum()),
        f"{arm}_consumed": consumed.height,
        f"{arm}_positive": int(consumed["is_positive"].sum()),
    }
    if consumed.is_empty():
        return figures
    share = bootstrap_interval(consumed["is_positive"], consumed["user"], rng)
    return figures | share.named(f"{arm}_positive_share_of_consumed")


def _describe_coverage(
    name: str, column: str, total: int, logs: Mapping[Arm, pl.DataFrame], n_users: int
) -> dict[str, float]:
    def cover(arm: Arm, left_out: int | None = None) -> float:
        rows = logs[arm]
        if left_out is not None:
            rows = rows.filter(pl.col("user") % JACKKNIFE_GROUPS != left_out)
        return rows[column].n_unique() / total

    def differ(left_out: int | None = None) -> float:
        return cover(Arm.EXPLORATION, left_out) - cover(Arm.CONTROL, left_out)

    figures: dict[str, float] = {}
    for arm in logs:
        interval = _jackknife(partial(cover, arm), n_users)
        figures |= interval.named(f"{arm}_{name}")
        figures[f"{arm}_{name}_count"] = logs[arm][column].n_unique()
    return figures | _jackknife(differ, n_users).named(f"difference_{name}")


def _jackknife(measure: Callable[[int | None], float], n_users: int) -> Interval:
    """Return a figure with its interval by leaving out one group of users at a time.

    Standard error: ``sqrt((g - 1) / g * sum((figure_i - mean)^2))`` (Tukey, 1958).
    """
    whole = measure(None)
    groups = min(JACKKNIFE_GROUPS, n_users)
    without = np.array([measure(group) for group in range(groups)])
    error = np.sqrt((groups - 1) / groups * ((without - without.mean()) ** 2).sum())
    reach = NORMAL_QUANTILE * float(error)
    return Interval(whole, whole - reach, whole + reach, n_users, n_users)


def _count_by_user(rows: pl.DataFrame, n_users: int) -> Floats:
    return np.bincount(rows["user"].to_numpy(), minlength=n_users).astype(np.float64)
