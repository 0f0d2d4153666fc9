"""The bounds of each gated stage on its figures, and what to look at where one is broken."""

from __future__ import annotations

from expectations.gates.bounds import Bound
from pipelines.params.gates import ClusterGates, CurationGates, PlannerGates, RecommenderGates

MIN_NAME_COVERAGE = 0.5
"""Of the traffic; where less than half of what is met has a word of the name, it misleads more
often than not. It only warns."""
MAX_EXAMPLE_SHARE = 0.25
"""Of the clusters: a few may be mixed. A quarter by example says that a column is missing:
MovieLens has 1 of 64 with genres, 64 of 64 without (docs/research/clusters.md). It only warns."""
BETTER_NAMES = (
    "let items say what they are about, by a column such as genres or tags in "
    "dataset.files.category or .text, or set clusters.description.writer to a language model"
)


def cluster_bounds(config: ClusterGates) -> tuple[Bound, ...]:
    """Return the bounds on ``metrics/clusters.json``.

    A lopsided tree stops the pipeline; names that say little are warned of.
    """
    return (
        Bound(
            "worst_traffic_overload",
            None,
            config.max_traffic_balance,
            "block",
            "ask for fewer clusters.levels, or raise gates.clusters.max_traffic_balance",
        ),
        Bound("name_coverage", MIN_NAME_COVERAGE, None, "warn", BETTER_NAMES),
        Bound("named_by_example_share", None, MAX_EXAMPLE_SHARE, "warn", BETTER_NAMES),
        Bound("unnamed_share", None, 0, "warn", BETTER_NAMES),
    )


def curation_bounds(config: CurationGates) -> tuple[Bound, ...]:
    """Return the bounds on ``metrics/curation.json``: the planner must see most targets."""
    spread = "spread the training targets (curation.strategy, curation.temperature)"
    more = "bring more data, build fewer clusters (clusters.levels) or widen the period (split)"
    return (
        Bound("train_target_coverage", config.min_target_coverage, None, "block", more),
        Bound("train_target_largest_share", None, config.max_target_share, "block", spread),
    )


def planner_bounds(config: PlannerGates, min_coverage_at_5: float) -> tuple[Bound, ...]:
    """Return the bounds on ``metrics/planner.json``.

    Args:
        config: the section ``gates.planner``.
        min_coverage_at_5: of the table, which stage table has judged already.

    Recall below pair counts beyond doubt lets the run end, but not be promoted; nor may a plan be
    that stays nearer to what people know than they do themselves.
    """
    longer = "weigh writing more (planner.completion_weight) or train longer (planner.max_steps)"
    spread = "spread the training targets (curation.strategy, curation.temperature)"
    broader = (
        "let frequent targets count less (planner.target_balance), "
        "train longer (planner.max_steps), or " + spread
    )
    farther = "plan farther (plan.mix, plan.novelty), or raise gates.planner.max_adjacent_excess"
    excess = "share_at_5_adjacent_as_served_minus_liked_low"
    repeats = "ask for novel descriptions (planner.novel_description_weight)"
    counts = "look at validation recall; pair counts would serve these users better"
    return (
        Bound("match_rate", config.min_match_rate, None, "block", longer),
        Bound("coverage_at_5_table", min_coverage_at_5, None, "block", broader),
        Bound("top1_largest_share_table", None, config.max_top1_share, "block", spread),
        Bound(
            "self_transition_rate",
            None,
            config.max_self_transition_rate,
            "block",
            "this is a fault of the table stage: report it",
        ),
        Bound("greedy_self_transition_rate", None, config.max_greedy_self_rate, "warn", repeats),
        Bound("recall_at_10_as_served_minus_pair_counts_high", 0.0, None, "promote", counts),
        Bound(excess, None, config.max_adjacent_excess, "promote", farther),
    )


def recommender_bounds(config: RecommenderGates) -> tuple[Bound, ...]:
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
