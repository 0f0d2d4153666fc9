"""The policy of exploration: which planned interest stands at which position, and how likely.

All that chance decides is decided here, from one generator, so that a seed repeats an answer and
the probability of every explored position is known to whoever learns from the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import TypeVar

from inference.serving.config import ExplorationPolicy
from inference.serving.exploration.shown_store import US_PER_DAY
from inference.serving.retrieval import NovelItem

ChoiceT = TypeVar("ChoiceT")


def draw_novel(
    novel: Sequence[NovelItem], n_positions: int, policy: ExplorationPolicy, chance: Random
) -> list[NovelItem]:
    """Return the novel items in the order in which they fill explored positions.

    The first ``n_positions`` are drawn: first a cluster, each once before any has its second
    turn, then one of the best items it has left. Each bears its probability given those before
    it. The rest follows in its old order, for a list whose ordinary items run out.

    Args:
        novel: items of planned clusters, clusters and items of each best first.
        n_positions: explored positions.
        policy: how they are drawn.
        chance: where chance comes from.
    """
    columns: dict[int, list[NovelItem]] = {}
    for entry in novel:
        columns.setdefault(entry.item.cluster_id, []).append(entry)
    waiting = list(columns.values())
    drawn: list[NovelItem] = []
    while len(drawn) < n_positions:
        waiting = waiting or [column for column in columns.values() if column]
        if not waiting:
            break
        column, of_cluster = _draw(waiting, policy.cluster_decay, chance)
        waiting = [other for other in waiting if other is not column]
        chosen, of_item = _draw(column[: policy.items_drawn], policy.item_decay, chance)
        column.remove(chosen)
        drawn.append(chosen._replace(probability=of_cluster * of_item))
    taken = {entry.item.item_id for entry in drawn}
    return [*drawn, *(entry for entry in novel if entry.item.item_id not in taken)]


def _draw(choices: Sequence[ChoiceT], decay: float, chance: Random) -> tuple[ChoiceT, float]:
    weights = [decay**rank for rank in range(len(choices))]
    rank = chance.choices(range(len(choices)), weights)[0]
    return choices[rank], weights[rank] / sum(weights)


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
