"""The recommender straight from Python: fit it on histories, ask it for items.

No pipeline, store or tracking server is involved::

    from training.recommender.fitting.direct import fit, recommend_items

    recommender = fit([["alien", "brazil", "cube"], ["brazil", "cube", "dune"]])
    for item in recommend_items(recommender, ["alien", "brazil"], k=10):
        print(item.item_id, item.score)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
import polars as pl

from training.recommender.checks import (
    require_answer,
    require_clusters,
    require_histories,
    require_history_frame,
    require_question,
)
from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import ItemLayout, arrange_items
from training.recommender.fitting.fit import choose_n_epochs, fit_recommender
from training.recommender.fitting.validation import ValidationCases
from training.recommender.model.recommender import SequenceRecommender
from training.recommender.protocol import ItemQuery, Recommender, ScoredItem

FEWEST_TO_HOLD_OUT = 3
"""Items of a user whose last one may be held out: two are left to learn from."""
DEFAULTS = RecommenderConfig()


def fit(
    histories: Iterable[Sequence[str]],
    cluster_of_item: Mapping[str, int] | None = None,
    config: RecommenderConfig = DEFAULTS,
    seed: int = 0,
) -> SequenceRecommender:
    """Return a recommender fitted on what people liked.

    The last item of some people is held out first, to find after how many epochs to stop; then,
    with ``config.refit``, everything is trained on. ``save`` and ``load`` of the result keep it.

    Args:
        histories: item ids that each user liked, oldest first; of a frame :func:`histories_of`.
        cluster_of_item: the cluster of every item, from 0 up, to recommend within clusters; all
            items are in one, number 0, if it is not given. It may name items nobody has liked.
        config: model and training.
        seed: of everything drawn.

    Raises:
        UserError: histories are no lists of ids, an id is no text or has no cluster, a cluster is
            no whole number, or no user has liked two items.
    """
    rows = require_histories(histories)
    layout = _lay_out(rows, cluster_of_item)
    known = layout.index_of
    indices = [[known[item] for item in row] for row in rows if row]
    sequences = Sequences.of(indices)
    rng = np.random.default_rng(seed)
    ends_anew = [
        n
        for n, row in enumerate(indices)
        if len(row) >= FEWEST_TO_HOLD_OUT and row[-1] not in row[:-1]
    ]
    held_out = np.sort(rng.permutation(ends_anew)[: config.max_validation_users]).astype(np.int64)
    if not len(held_out):
        return fit_recommender(sequences, layout, config, seed)
    for user in held_out.tolist():
        indices[user] = indices[user][:-1]
    earlier = Sequences.of(indices)
    last = sequences.items[sequences.offsets[held_out + 1] - 1]
    cases = ValidationCases(earlier.take(held_out), Sequences(last, np.arange(len(last) + 1)))
    n_epochs, chosen = choose_n_epochs(earlier, cases, layout, config, seed, lambda epoch: None)
    if not config.refit:
        return chosen
    return fit_recommender(sequences, layout, chosen.config, seed, n_epochs)


def recommend_items(
    recommender: Recommender,
    history: Sequence[str],
    k: int = 10,
    clusters: Sequence[int] | None = None,
    exclude: AbstractSet[str] = frozenset(),
) -> list[ScoredItem]:
    """Return the best ``k`` items for someone with this history, best first, none of it again.

    Args:
        recommender: ours or your own.
        history: item ids, oldest first; unknown ones are passed over, and if none is known
            nothing is recommended.
        k: how many items at most.
        clusters: to stay within; ``None`` for the whole catalogue.
        exclude: further items that may not come back.

    Raises:
        UserError: the history is empty or no list of ids, a cluster does not exist, ``k`` is no
            number of items, or a recommender of your own answers what was not asked.
    """
    require_question(recommender, ItemQuery(history, k, clusters, exclude))
    query = ItemQuery(history[::-1], k, clusters, frozenset(exclude) | set(history))
    answer = recommender.top_items(query.recent_items, query.clusters, query.exclude, query.k)
    require_answer(answer, query, recommender)
    return answer


def histories_of(frame: pl.DataFrame) -> list[list[str]]:
    """Return the items of each user, oldest first, users in order of their id.

    Args:
        frame: columns user_id, item_id and timestamp, a row for each item somebody liked; from
            pandas by ``pl.from_pandas``. Rows of one moment stay in their order.

    Raises:
        UserError: a column or one of its cells is missing, or ids are floats.
    """
    require_history_frame(frame)
    ordered = frame.sort("user_id", "timestamp", maintain_order=True)
    items = ordered.group_by("user_id", maintain_order=True).agg(pl.col("item_id").cast(pl.String))
    histories: list[list[str]] = items["item_id"].to_list()
    return histories


def _lay_out(rows: list[list[str]], cluster_of_item: Mapping[str, int] | None) -> ItemLayout:
    items = {item for row in rows for item in row}
    if cluster_of_item is None:
        return arrange_items(sorted(items), np.zeros(len(items), dtype=np.int64), n_clusters=1)
    require_clusters(cluster_of_item, items)
    clusters = np.array(list(cluster_of_item.values()), dtype=np.int64)
    return arrange_items(list(cluster_of_item), clusters, int(clusters.max()) + 1)
