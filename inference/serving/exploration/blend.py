"""Blends the ordinary and the exploratory list by the exploration share."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from expectations.contracts.values import ClusterContext
from inference.serving.exploration.retrieval import NovelItem
from training.recommender.protocol import ScoredItem


class ListName(StrEnum):
    """The list an item was taken from."""

    ORDINARY = "ordinary"
    EXPLORATORY = "exploratory"


class BlendedItem(NamedTuple):
    """One position of the final list.

    Attributes:
        item: the item, its cluster and its score.
        from_list: the list it was taken from.
        led_by: the context that led to an exploratory item; ``None`` for an ordinary one.
        probability: of an exploratory item to stand here; ``None`` for an ordinary one.
    """

    item: ScoredItem
    from_list: ListName
    led_by: ClusterContext | None = None
    probability: float | None = None


def exploratory_positions(n_items: int, share: float, offset: float = 0.5) -> list[int]:
    """Return the positions, from 0, that the exploratory list fills, spread evenly.

    Of the first ``n`` positions ``floor(n * share + offset)`` are exploratory, whatever ``n``:
    never a whole item away from the share asked for. With an offset drawn evenly from 0 to 1 every
    position is exploratory with the probability ``share``, in a list of one item too.

    Raises:
        ValueError: ``share`` lies outside 0 to 1.

    >>> exploratory_positions(10, share=0.2)
    [2, 7]
    >>> exploratory_positions(4, share=1.0)
    [0, 1, 2, 3]
    """
    if not 0 <= share <= 1:
        raise ValueError(f"an exploration share lies between 0 and 1, not at {share}")
    due = [int(n * share + offset) for n in range(n_items + 1)]
    return [position for position in range(n_items) if due[position + 1] > due[position]]


def blend(
    ordinary: Sequence[ScoredItem],
    exploratory: Sequence[NovelItem],
    share: float,
    n_items: int,
    offset: float = 0.5,
) -> list[BlendedItem]:
    """Return up to ``n_items`` items, each once, both lists in their own order.

    Positions are dealt out by :func:`exploratory_positions`. An item that stands in both lists is
    taken from the exploratory one if it gets a position there. Where one list runs out the other
    fills its positions; but where the share leaves it none, nothing exploratory is shown.

    Raises:
        ValueError: ``share`` lies outside 0 to 1.
    """
    marked = set(exploratory_positions(n_items, share, offset))
    claimed = {entry.item.item_id for entry in exploratory[: len(marked)]}
    blended: list[BlendedItem] = []
    shown: set[str] = set()
    novel = (
        BlendedItem(entry.item, ListName.EXPLORATORY, entry.led_by, entry.probability)
        for entry in (exploratory if marked else ())
        if entry.item.item_id not in shown
    )
    usual = (
        BlendedItem(item, ListName.ORDINARY)
        for item in ordinary
        if item.item_id not in claimed and item.item_id not in shown
    )
    for position in range(n_items):
        first, second = (novel, usual) if position in marked else (usual, novel)
        entry = next(first, None) or next(second, None)
        if entry is None:
            break
        blended.append(entry)
        shown.add(entry.item.item_id)
    return blended
