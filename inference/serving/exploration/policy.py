"""The policy of exploration: which planned interest stands at which position, and how likely.

All that chance decides is decided here, from one generator, so that a seed repeats an answer and
the probability of every explored position is known to whoever learns from the log.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from inference.serving.exploration.config import ExplorationPolicy
from inference.serving.exploration.retrieval import NovelItem
from inference.serving.exploration.shown_store import US_PER_DAY

Luck = Callable[[], float]
"""Gives a number of 0 to 1 each time, all chance there is: a position's cluster, then its item."""


class DrawnCluster(NamedTuple):
    """An explored position of which the cluster is known, and not yet the item.

    Attributes:
        place: of the cluster in the plan, from 0.
        probability: of that cluster, given those of the positions before.
        luck: what its item is chosen by.
    """

    place: int
    probability: float
    luck: float


def draw_novel_clusters(
    n_clusters: int, n_positions: int, policy: ExplorationPolicy, luck: Luck
) -> list[DrawnCluster]:
    """Return which planned clusters fill explored positions, where each of them has an item.

    They are those that :func:`draw_novel` chooses by the same luck, known before any item has been
    looked for, so that items of no other need be.

    Args:
        n_clusters: of the plan.
        n_positions: explored ones; no cluster has a second turn, so not more than clusters.
        policy: how they are drawn.
        luck: where chance comes from.
    """
    waiting, drawn = list(range(n_clusters)), []
    for _ in range(n_positions):
        rank, probability = _pick(len(waiting), policy.cluster_decay, luck())
        drawn.append(DrawnCluster(waiting.pop(rank), probability, luck()))
    return drawn


def draw_novel_items(
    clusters: Sequence[DrawnCluster], novel: Sequence[NovelItem], policy: ExplorationPolicy
) -> list[NovelItem]:
    """Return the novel items in the order in which they fill explored positions.

    Args:
        clusters: as drawn.
        novel: items of these, clusters in the order in which they were drawn, items best first; at
            least one of each.
        policy: how items are drawn.
    """
    drawn = [
        _draw_item(column, cluster.probability, policy, cluster.luck)
        for cluster, column in zip(clusters, _columns_of(novel), strict=True)
    ]
    return _put_first(drawn, novel)


def draw_novel(
    novel: Sequence[NovelItem], n_positions: int, policy: ExplorationPolicy, luck: Luck
) -> list[NovelItem]:
    """Return the novel items in the order in which they fill explored positions.

    The first ``n_positions`` are drawn: first a cluster, each once before any has its second
    turn, then one of the best items it has left. Each bears its probability given those before
    it. The rest follows in its old order, for a list whose ordinary items run out.

    Args:
        novel: items of planned clusters, clusters and items of each best first.
        n_positions: explored positions.
        policy: how they are drawn.
        luck: where chance comes from.
    """
    columns = _columns_of(novel)
    waiting = list(columns)
    drawn: list[NovelItem] = []
    while len(drawn) < n_positions:
        waiting = waiting or [column for column in columns if column]
        if not waiting:
            break
        rank, probability = _pick(len(waiting), policy.cluster_decay, luck())
        column = waiting.pop(rank)
        chosen = _draw_item(column, probability, policy, luck())
        column[:] = [entry for entry in column if entry.item is not chosen.item]
        drawn.append(chosen)
    return _put_first(drawn, novel)


def items_to_draw_from(policy: ExplorationPolicy, n_positions: int) -> int:
    """Return how many items of a cluster are needed to draw as if all of them were there.

    Args:
        policy: how positions are filled.
        n_positions: explored ones at most, all of which may fall to one cluster.
    """
    return policy.items_drawn + max(n_positions, 1) - 1


def _columns_of(novel: Sequence[NovelItem]) -> list[list[NovelItem]]:
    """Return the items of each cluster, in the order in which clusters first stand there."""
    columns: dict[int, list[NovelItem]] = {}
    for entry in novel:
        columns.setdefault(entry.item.cluster_id, []).append(entry)
    return list(columns.values())


def _draw_item(
    column: Sequence[NovelItem], of_cluster: float, policy: ExplorationPolicy, luck: float
) -> NovelItem:
    rank, of_item = _pick(min(len(column), policy.items_drawn), policy.item_decay, luck)
    return column[rank]._replace(probability=of_cluster * of_item)


def _put_first(drawn: list[NovelItem], novel: Sequence[NovelItem]) -> list[NovelItem]:
    taken = {entry.item.item_id for entry in drawn}
    return [*drawn, *(entry for entry in novel if entry.item.item_id not in taken)]


def _pick(n: int, decay: float, luck: float) -> tuple[int, float]:
    """Return a rank below ``n`` and its probability: each is less likely than the one before."""
    weights = [decay**rank for rank in range(n)]
    ends = list(accumulate(weights))
    rank = bisect(ends, luck * ends[-1], 0, n - 1)
    return rank, weights[rank] / ends[-1]


def without_rested_refusals(
    consumed_clusters: Sequence[int],
    known_clusters: Iterable[int],
    refusals: Iterable[tuple[int, int]],
    rest_days: float,
    now_us: int,
) -> tuple[int, ...]:
    """Return the consumed clusters without those whose last refusal is long enough ago.

    Args:
        consumed_clusters: of the person, refused ones included.
        known_clusters: what the build's data knows as consumed, and all that was liked.
        refusals: cluster and time, in microseconds since 1970, of what was not liked lately.
        rest_days: how long a refused cluster is not planned.
        now_us: the time it is.
    """
    known = set(known_clusters)
    newest: dict[int, int] = {}
    for cluster, time_us in refusals:
        newest[cluster] = max(time_us, newest.get(cluster, time_us))
    rest_us = rest_days * US_PER_DAY
    rested = {c for c, last_us in newest.items() if c not in known and now_us - last_us > rest_us}
    return tuple(cluster for cluster in consumed_clusters if cluster not in rested)
