"""Refuses what a recommender cannot mean: histories and questions going in, answers coming out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from numbers import Integral

import numpy as np
import polars as pl

from expectations.contracts.errors import UserError
from training.recommender.protocol import ItemQuery, Recommender, ScoredItem

MAX_SHOWN = 60
"""Characters of foreign text in an error: it stays one line."""
MAX_CLUSTERS = 1_000_000
"""Beyond, arrays by cluster would not fit; a tree has some hundred."""
HISTORY_COLUMNS = ("user_id", "item_id", "timestamp")
TEXT_REMEDY = "convert them by str(); whole numbers that pandas holds as floats by int first"


def require_histories(histories: Iterable[Sequence[str]]) -> list[list[str]]:
    """Return the item ids of each user, or refuse what is no list of lists of ids."""
    if isinstance(histories, str | bytes | Mapping) or not isinstance(histories, Iterable):
        raise _wrong("histories", "a list of item ids for each user", histories)
    if hasattr(histories, "columns"):
        rule, remedy = "a list of item ids for each user", "make them by histories_of(frame)"
        raise UserError("histories", rule, remedy, type(histories).__name__)
    rows = []
    for number, history in enumerate(histories):
        if isinstance(history, str | bytes | Mapping) or not isinstance(history, Iterable):
            raise _wrong(f"histories, user {number}", "a list of item ids", history)
        row = list(history)
        require_ids(row, f"histories, user {number}")
        rows.append(row)
    return rows


def require_ids(items: Iterable[object], where: str) -> None:
    """Refuse ids that are no text, or say nothing."""
    for item in items:
        if not isinstance(item, str):
            raise UserError(where, "item ids are text", TEXT_REMEDY, _show(item))
        if not item.strip():
            raise UserError(where, "no item id is empty", "drop those items", repr(item))


def require_clusters(cluster_of_item: Mapping[str, int], items: AbstractSet[str]) -> None:
    """Refuse clusters that are no numbers from 0 up, and items without one."""
    where = "cluster_of_item"
    if not isinstance(cluster_of_item, Mapping):
        raise _wrong(where, "a cluster for each item id, such as a dict", cluster_of_item)
    require_ids(cluster_of_item, where)
    rule = f"clusters are whole numbers from 0 up, below {MAX_CLUSTERS:,}"
    for item, cluster in cluster_of_item.items():
        if not _is_whole(cluster) or not 0 <= cluster < MAX_CLUSTERS:
            remedy = "number the clusters from 0 up"
            raise UserError(where, rule, remedy, f"{item}: {_show(cluster)}")
    stray = next((item for item in sorted(items) if item not in cluster_of_item), None)
    if stray is not None:
        rule = "every item has a cluster"
        raise UserError(where, rule, "give it one, or leave the clusters out", stray)


def require_question(recommender: Recommender, query: ItemQuery) -> None:
    """Refuse a question that nobody could answer."""
    require_recommender(recommender)
    for where, items in (("history", query.recent_items), ("exclude", query.exclude)):
        if isinstance(items, str | bytes) or not isinstance(items, Iterable):
            raise _wrong(where, "item ids, such as a list", items)
        require_ids(items, where)
    if not query.recent_items:
        remedy = "ask for someone who has liked something, or show what is popular"
        raise UserError("history", "there is one item or more", remedy, "none")
    if not _is_whole(query.k) or query.k < 0:
        raise UserError("k", "a number of items, 0 or more", "correct it", _show(query.k))
    clusters = query.clusters
    if clusters is None:
        return
    if isinstance(clusters, str | bytes) or not isinstance(clusters, Iterable):
        raise _wrong("clusters", "a list of clusters, or None for all", clusters)
    layout = getattr(recommender, "layout", None)
    n_clusters = getattr(layout, "n_clusters", MAX_CLUSTERS)
    for cluster in clusters:
        if not _is_whole(cluster) or not 0 <= cluster < n_clusters:
            rule = f"clusters are whole numbers from 0 up, below {n_clusters:,}"
            raise UserError("clusters", rule, "name clusters of the catalogue", _show(cluster))


def require_history_frame(frame: pl.DataFrame) -> None:
    """Refuse a frame that lacks a column, or a cell of it."""
    where = "the frame of histories"
    if not isinstance(frame, pl.DataFrame):
        remedy = "make one of pandas' by pl.from_pandas(frame)"
        raise UserError(where, "a frame of Polars", remedy, type(frame).__name__)
    for name in HISTORY_COLUMNS:
        if name not in frame.columns:
            found = ", ".join(frame.columns)[:MAX_SHOWN]
            raise UserError(where, f"there is a column {name!r}", "rename or add it", found)
        if frame[name].dtype.is_float() and name != "timestamp":
            rule = f"{name} is text or whole numbers"
            raise UserError(where, rule, TEXT_REMEDY, str(frame[name].dtype))
        is_nothing = frame[name].is_null()
        if frame[name].dtype.is_float():
            is_nothing |= frame[name].is_nan()
        if is_nothing.any():
            found = f"row {is_nothing.arg_max()}"
            raise UserError(where, f"every row has a {name}", "fill in or drop those rows", found)


def require_recommender(recommender: Recommender) -> None:
    """Refuse an object that is no recommender, or whose catalogue names an item twice."""
    where = f"the recommender {type(recommender).__name__}"
    if not isinstance(recommender, Recommender):
        rule = "it has item_ids and top_items"
        remedy = "see training/recommender/protocol.py"
        raise UserError(where, rule, remedy, "one of them is missing")


def require_catalogue(recommender: Recommender) -> None:
    """Refuse a recommender without items, or whose items stand twice or are no text."""
    require_recommender(recommender)
    where = f"the catalogue of {type(recommender).__name__}"
    items = tuple(recommender.item_ids)
    require_ids(items, where)
    if not items:
        raise UserError(where, "there are items", "give it the catalogue it was fitted on", "none")
    if len(set(items)) < len(items):
        twice = next(item for item, times in Counter(items).items() if times > 1)
        raise UserError(where, "every item stands there once", "drop the others", twice)


def require_answer(
    answer: Sequence[ScoredItem], query: ItemQuery, recommender: Recommender
) -> None:
    """Refuse items that were not asked for, or stand twice, out of order or with no score."""
    where = f"top_items of {type(recommender).__name__}"
    known = set(recommender.item_ids)
    named = [item.item_id for item in answer]
    for rule, wrong in (
        (f"at most {query.k} items", named[query.k :]),
        ("items of the catalogue", [item for item in named if item not in known]),
        ("no excluded item", [item for item in named if item in query.exclude]),
        ("every item once", [item for item, times in Counter(named).items() if times > 1]),
        ("items of the clusters asked for", _outside(answer, query.clusters)),
        ("finite scores", [item.item_id for item in answer if not np.isfinite(item.score)]),
        (
            "the best first",
            [after.item_id for before, after in pairwise(answer) if after.score > before.score],
        ),
    ):
        if wrong:
            raise UserError(where, rule, "see training/recommender/protocol.py", wrong[0])


def _outside(answer: Sequence[ScoredItem], clusters: Sequence[int] | None) -> list[str]:
    if clusters is None:
        return []
    return [item.item_id for item in answer if item.cluster_id not in clusters]


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool_)


def _wrong(where: str, rule: str, found: object) -> UserError:
    return UserError(where, rule, "see training/recommender/direct.py", _show(found))


def _show(value: object) -> str:
    shown = f"{type(value).__name__} {value!r}"
    return "".join(letter if letter.isprintable() else "?" for letter in shown)[:MAX_SHOWN]
