"""The bounds that a run must keep to be released, and those it must keep to be promoted."""

from __future__ import annotations

from pydantic import Field

from expectations.gates.bounds import Bound
from training.config import Config


class GatesConfig(Config):
    """Bounds on what curation keeps and on the figures of planner and recommender.

    Attributes:
        min_target_coverage: share of clusters that are the target of some training transition.
        max_target_share: share of the training transitions that one target may have.
        min_match_rate: of unconstrained greedy decoding over all rows of the table.
        min_coverage_at_5: share of clusters in the first five places of some table row.
        max_top1_share: share of table rows that one cluster may lead; above, it has collapsed.
        max_self_transition_rate: share of table rows that propose a cluster of their own pair.
        max_worsening: how far match rate, coverage and top-1 share may be worse than the
            champion's at a promotion.
        max_below_popularity: how far the recommender's NDCG@10 may be below popularity's, at the
            upper end of the interval of their difference.
        min_size_ratio: users, items, and interactions, of a candidate over the champion's.
        max_score_shift: how far the middle of the table's first log-scores may lie from that of
            the champion's, up or down, where both have as many clusters.
    """

    min_target_coverage: float = Field(0.5, ge=0, le=1)
    max_target_share: float = Field(0.5, ge=0, le=1)
    min_match_rate: float = Field(0.99, ge=0, le=1)
    min_coverage_at_5: float = Field(0.95, ge=0, le=1)
    max_top1_share: float = Field(0.4, ge=0, le=1)
    max_self_transition_rate: float = Field(0.0, ge=0, le=1)
    max_worsening: float = Field(0.1, ge=0, le=1)
    max_below_popularity: float = Field(0.0, ge=0, le=1)
    min_size_ratio: float = Field(0.5, ge=0)
    max_score_shift: float = Field(1.0, ge=0)


def curation_bounds(config: GatesConfig) -> tuple[Bound, ...]:
    """Return the bounds on ``metrics/curation.json``: the planner must see most targets."""
    spread = "spread the training targets (curation.strategy, curation.temperature)"
    more = "bring more data, build fewer clusters (clusters.levels) or widen the period (split)"
    return (
        Bound("train_target_coverage", config.min_target_coverage, None, "block", more),
        Bound("train_target_largest_share", None, config.max_target_share, "block", spread),
    )


def planner_bounds(config: GatesConfig) -> tuple[Bound, ...]:
    """Return the bounds on ``metrics/planner.json``.

    Recall below pair counts beyond doubt lets the run end, but not be promoted.
    """
    longer = "weigh writing more (planner.completion_weight) or train longer (planner.max_steps)"
    spread = "spread the training targets (curation.strategy, curation.temperature)"
    broader = (
        "let frequent targets count less (planner.target_balance), "
        "train longer (planner.max_steps), or " + spread
    )
    counts = "look at validation recall; pair counts would serve these users better"
    return (
        Bound("match_rate", config.min_match_rate, None, "block", longer),
        Bound("coverage_at_5_table", config.min_coverage_at_5, None, "block", broader),
        Bound("top1_largest_share_table", None, config.max_top1_share, "block", spread),
        Bound(
            "self_transition_rate",
            None,
            config.max_self_transition_rate,
            "block",
            "this is a fault of the table stage: report it",
        ),
        Bound("recall_at_10_as_served_minus_pair_counts_high", 0.0, None, "promote", counts),
    )


def recommender_bounds(config: GatesConfig) -> tuple[Bound, ...]:
    """Return the bounds on ``metrics/recommender.json``.

    A recommender worse than popularity beyond doubt lets the run end, but not be promoted; a plan
    that finds less than random clusters beyond doubt asks to be looked at.
    """
    longer = "train the recommender for longer (recommender.max_epochs), or look at its curve"
    plan = "look at recall in metrics/planner.json: random clusters would serve these users better"
    least = -config.max_below_popularity
    return (
        Bound("recommender_over_popularity_ndcg_at_10_high", least, None, "promote", longer),
        Bound("novel_planned_over_random_hit_rate_at_10_high", 0.0, None, "warn", plan),
    )
