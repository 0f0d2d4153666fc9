"""Blends the ordinary and the exploratory list by the exploration share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from inference.serving.retrieval import NovelItem
from training.recommender.protocol import ScoredItem


class ListName(StrEnum):
    """The list an item was taken from."""

    ORDINARY = "ordinary"
    EXPLORATORY = "exploratory"


@dataclass(frozen=True)
class BlendedItem:
    """One place of the final list.

    Attributes:
        item: the item, its cluster and its score.
        from_list: the list it was taken from.
        history_clusters: what led to an exploratory item, ascending; empty for an ordinary one.
    """

    item: ScoredItem
    from_list: ListName
    history_clusters: tuple[int, ...] = ()


def exploratory_places(n_places: int, share: float) -> list[int]:
    """Return the places, from 0, that the exploratory list fills, spread evenly.

    After any number ``n`` of places, ``floor(n * share + 1/2)`` of them are exploratory: never
    more than half a place away from the share asked for.

    Raises:
        ValueError: ``share`` lies outside 0 to 1.

    >>> exploratory_places(10, share=0.2)
    [2, 7]
    >>> exploratory_places(4, share=1.0)
    [0, 1, 2, 3]
    """
    if not 0 <= share <= 1:
        raise ValueError(f"an exploration share lies between 0 and 1, not at {share}")
    due = [_due(n, share) for n in range(n_places + 1)]
    return [place for place in range(n_places) if due[place + 1] > due[place]]


def blend(
    ordinary: Sequence[ScoredItem], exploratory: Sequence[NovelItem], share: float, n_places: int
) -> list[BlendedItem]:
    """Return up to ``n_places`` items, each once, both lists in their own order.

    Places are dealt out by :func:`exploratory_places`. An item that stands in both lists is
    taken from the exploratory one if it gets a place there. Where one list runs out the other
    fills its places; but where the share leaves it no place, nothing exploratory is shown.

    Raises:
        ValueError: ``share`` lies outside 0 to 1.
    """
    marked = set(exploratory_places(n_places, share))
    novel = [BlendedItem(n.item, ListName.EXPLORATORY, n.history_clusters) for n in exploratory]
    usual = [BlendedItem(item, ListName.ORDINARY) for item in ordinary]
    if not marked:
        novel = []
    claimed = {entry.item.item_id for entry in novel[: len(marked)]}
    usual = [entry for entry in usual if entry.item.item_id not in claimed]
    blended: list[BlendedItem] = []
    shown: set[str] = set()
    while len(blended) < n_places:
        first, second = (novel, usual) if len(blended) in marked else (usual, novel)
        entry = _next_unseen(first, shown) or _next_unseen(second, shown)
        if entry is None:
            break
        blended.append(entry)
        shown.add(entry.item.item_id)
    return blended


def _due(n_places: int, share: float) -> int:
    return int(n_places * share + 0.5)


def _next_unseen(entries: Sequence[BlendedItem], shown: set[str]) -> BlendedItem | None:
    return next((entry for entry in entries if entry.item.item_id not in shown), None)
