"""Every bound, in one place: section ``gates`` of ``params.yaml``, by who judges.

A bound decides whether a run may go on or be promoted, and nothing else: DVC judges anew where one
has changed, and makes nothing again that another stage made.
"""

from __future__ import annotations

from pydantic import Field

from training.config import Config


class ClusterGates(Config):
    """Judged by stage clusters.

    Attributes:
        max_traffic_balance: traffic of the busiest cluster of a level over the mean.
    """

    max_traffic_balance: float = Field(default=3.0, gt=1)


class CurationGates(Config):
    """Judged by stage curate.

    Attributes:
        min_target_coverage: share of clusters that are the target of some training transition.
        max_target_share: share of the training transitions that one target may have.
    """

    min_target_coverage: float = Field(default=0.5, ge=0, le=1)
    max_target_share: float = Field(default=0.5, ge=0, le=1)


class TableGates(Config):
    """Judged by stage table and, of the coverage, again by evaluate.

    Attributes:
        min_coverage_at_5: share of clusters among the first five of some table row.
        min_refresh_jaccard: mean overlap of a refreshed row's first five clusters with what they
            were; below it the refresh asks for a new fine-tuning of the planner.
    """

    min_coverage_at_5: float = Field(default=0.95, ge=0, le=1)
    min_refresh_jaccard: float = Field(default=0.8, ge=0, le=1)


class PlannerGates(Config):
    """Judged by stage evaluate.

    Attributes:
        min_match_rate: of unconstrained greedy decoding over all rows of the table.
        max_top1_share: share of table rows that one cluster may lead; above, it has collapsed.
        max_self_transition_rate: share of table rows that propose a member of their own context.
        max_greedy_self_rate: share of prompts after which unconstrained greedy decoding writes a
            description of the prompt's own; above, the match rate says little. It warns.
        max_adjacent_excess: by how much the share of adjacent clusters among the first five planned
            may exceed their share of what people took to, at the lower end of the interval.
    """

    min_match_rate: float = Field(default=0.99, ge=0, le=1)
    max_top1_share: float = Field(default=0.4, ge=0, le=1)
    max_self_transition_rate: float = Field(default=0.0, ge=0, le=1)
    max_greedy_self_rate: float = Field(default=0.2, ge=0, le=1)
    max_adjacent_excess: float = Field(default=0.35, ge=-1, le=1)


class RecommenderGates(Config):
    """Judged by stage evaluate_recommender.

    Attributes:
        max_below_popularity: how far the recommender's NDCG@10 may be below popularity's, at the
            upper end of the interval of their difference.
    """

    max_below_popularity: float = Field(default=0.0, ge=0, le=1)


class PromotionGates(Config):
    """Judged at a promotion, of a candidate beside the champion.

    Attributes:
        max_worsening: how far match rate, coverage and top-1 share may be worse.
        min_size_ratio: users, items, and interactions, over the champion's.
        max_score_shift: how far the middle of the table's first log-scores may have moved, up or
            down, where both have as many clusters.
        max_recall_loss: share of the champion's recall@10, of plan and list each, that may be lost
            beyond doubt: more cases make a small loss more certain, not more important.
    """

    max_worsening: float = Field(default=0.1, ge=0, le=1)
    min_size_ratio: float = Field(default=0.5, ge=0)
    max_score_shift: float = Field(default=1.0, ge=0)
    max_recall_loss: float = Field(default=0.02, ge=0, le=1)


class GatesConfig(Config):
    """The bounds that a run must keep to be released, and those it must keep to be promoted."""

    clusters: ClusterGates = ClusterGates()
    curation: CurationGates = CurationGates()
    table: TableGates = TableGates()
    planner: PlannerGates = PlannerGates()
    recommender: RecommenderGates = RecommenderGates()
    promotion: PromotionGates = PromotionGates()
