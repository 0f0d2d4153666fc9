"""The fitted recommender: answers for one user or many, scoring only the blocks asked for.

Shapes: U distinct histories, D dimension, I items.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import numpy as np
import torch

from training.item_scoring.block_scoring import Bonus
from training.item_scoring.recently_used import RecentlyUsed
from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import ItemLayout
from training.recommender.data.neighbours import SequentialNeighbours
from training.recommender.model.history_encoder import HistoryEncoder
from training.recommender.model.item_ranker import ItemRanker
from training.recommender.model.model import SequenceTransformer
from training.recommender.model.parts import RecommenderParts
from training.recommender.model.popularity_bonus import PopularityBonus
from training.recommender.model.prepared_items import PreparedItems
from training.recommender.protocol import ItemQuery, ScoredItem

KEPT_STATES = 4_000
"""Of histories that are asked by again before they grow; less than 1 kB each."""


class EmptyHistoryError(ValueError):
    """A user was to be scored of whom no known item is on record."""


class SequenceRecommender:
    """A fitted transformer and the neighbours beside it: a ``BatchRecommender``.

    An item's score is its cosine with the history over the temperature, plus its bonus from the
    neighbours: two log-probabilities, each up to a constant of the history.

    Attributes:
        model: the transformer; never trained here.
        layout: its items, a serving cluster being one block.
        config: how it was made.
        neighbours: the counting model; ``None`` where the transformer stands alone.
        likes: how often each item was liked, int64 ``[I]`` by row, for who asks with a
            ``popularity_weight``; ``None`` where nobody counted.
    """

    def __init__(
        self,
        model: SequenceTransformer,
        layout: ItemLayout,
        config: RecommenderConfig,
        neighbours: SequentialNeighbours | None = None,
        likes: np.ndarray | None = None,
        prepared: PreparedItems | None = None,
    ) -> None:
        """Make it of its parts; ``prepared`` is :meth:`prepare` of the same, where at hand."""
        self.model = model
        self.layout = layout
        self.config = config
        self.neighbours = neighbours
        self.likes = likes
        self._popularity = None if likes is None else PopularityBonus(likes, layout.block_starts)
        self._ranker = _make_ranker(model, layout, config, prepared)
        self._encoder = HistoryEncoder(model)
        self._states: RecentlyUsed[tuple[int, ...], np.ndarray] = RecentlyUsed(KEPT_STATES)

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The catalogue, in the order of :meth:`score_batch`."""
        return self.layout.item_ids

    def score_batch(self, recent_items: Sequence[Sequence[str]]) -> np.ndarray:
        """Return the scores of every item for many users, float32 ``[n_users, n_items]``.

        Args:
            recent_items: of each user, newest first.

        Raises:
            EmptyHistoryError: none of a user's items is in the catalogue.
        """
        histories = [self._indices_of(recent) for recent in recent_items]
        for user, history in enumerate(histories):
            if not history:
                raise EmptyHistoryError(f"row {user} names no item of the catalogue")
        return self.score_sequences(Sequences.of(histories))

    def score_sequences(self, sequences: Sequences) -> np.ndarray:
        """Return the scores of every item after each sequence, float32 ``[n, n_items]``.

        Args:
            sequences: of one item or more, oldest first.
        """
        newest = sequences.newest(self.config.max_length)
        states = self.encode(newest)  # [U, D]
        return self._ranker.scorer.score_all(states, self._bonuses_of(newest))  # [U, I]

    def encode(self, histories: Sequences) -> np.ndarray:
        """Return the state of each history: a unit vector, float32 ``[U, D]``.

        Args:
            histories: embedding indices, of one item to ``config.max_length``, oldest first.
        """
        return self._encoder.encode(histories)

    def top_items(
        self,
        recent_items: Sequence[str],
        clusters: Sequence[int] | None,
        exclude: AbstractSet[str],
        k: int,
    ) -> list[ScoredItem]:
        """Return the best ``k`` items within ``clusters``; see the protocol."""
        return self.answer([ItemQuery(recent_items, k, clusters, exclude)])[0]

    def answer(self, queries: Sequence[ItemQuery]) -> list[list[ScoredItem]]:
        """Return the best items of each query, in order; equal scores in order of row.

        Equal histories are encoded once. Within clusters only their blocks are scored.

        Raises:
            ValueError: a query names a cluster that does not exist.
        """
        histories = self._histories_of(queries)
        known = dict.fromkeys(filter(None, histories))
        state_of = {history: state for state, history in enumerate(known)}
        distinct = Sequences.of(list(state_of))
        states = self._encode_new(list(state_of), distinct)  # [U, D]
        asking = [state_of.get(history) for history in histories]
        bonuses = self._bonuses_of(distinct)
        if self._popularity is not None and any(query.popularity_weight for query in queries):
            states, asking, bonuses = self._popularity.add(states, asking, queries, bonuses)
        return self._ranker.answer(states, asking, queries, bonuses)

    def save(self, folder: Path) -> None:
        """Write weights, neighbours, configuration and item layout into an existing folder."""
        parts = RecommenderParts(self.model, self.layout, self.config, self.neighbours, self.likes)
        parts.save(folder)

    @classmethod
    def load(cls, folder: Path) -> SequenceRecommender:
        """Return the recommender that :meth:`save` wrote.

        Raises:
            UserError: the folder lacks a file, or its parts do not fit together.
        """
        return cls._assemble(RecommenderParts.load(folder), None)

    @classmethod
    def map(cls, folder: Path, prepared: Path) -> SequenceRecommender:
        """Return what :meth:`load` would, its arrays being maps: processes share their memory.

        Args:
            folder: that :meth:`save` wrote; its files may be removed now, but not written to.
            prepared: that :meth:`prepare` made of it, under the same rule.

        Raises:
            UserError: the folder lacks a file, its parts do not fit together, or other ones were
                prepared.
        """
        parts = RecommenderParts.load(folder, is_mapped=True)
        n_items, dimension = parts.layout.n_items, parts.config.dimension
        return cls._assemble(parts, PreparedItems.map(prepared, n_items, dimension))

    @classmethod
    def prepare(cls, folder: Path, prepared: Path) -> None:
        """Write into ``prepared`` what items are scored by, for :meth:`map`.

        Raises:
            UserError: the folder lacks a file, or its parts do not fit together.
        """
        scorer = cls._assemble(RecommenderParts.load(folder, is_mapped=True), None)._ranker.scorer
        PreparedItems(scorer.vectors, *scorer.quantised).save(prepared)

    @classmethod
    def _assemble(
        cls, parts: RecommenderParts, prepared: PreparedItems | None
    ) -> SequenceRecommender:
        made = cls(parts.model, parts.layout, parts.config, parts.neighbours, parts.likes, prepared)
        # What is compiled or quantised at its first use is so now: no request is to wait for it.
        made.top_items(parts.layout.item_ids[:1], None, frozenset(), 1)
        return made

    def _encode_new(self, keys: Sequence[tuple[int, ...]], histories: Sequences) -> np.ndarray:
        """Return the state of each history, ``[U, D]``; encoded are those not asked by lately."""
        states = [self._states.find(key) for key in keys]
        new = [at for at, state in enumerate(states) if state is None]
        if new:
            asked = histories if len(new) == len(keys) else histories.take(np.array(new))
            for at, row in zip(new, self.encode(asked), strict=True):
                states[at] = state = row.copy()  # not the whole array for the sake of one row
                self._states.add(keys[at], state)
        return np.array(states, dtype=np.float32).reshape(len(keys), self.config.dimension)

    def _histories_of(self, queries: Sequence[ItemQuery]) -> list[tuple[int, ...]]:
        """Return each query's newest known items as embedding indices, oldest first."""
        # The queries of one user bring one and the same list: it is looked up once.
        lists = {id(query.recent_items): query.recent_items for query in queries}
        indices = {key: tuple(self._indices_of(items)) for key, items in lists.items()}
        return [indices[id(query.recent_items)] for query in queries]

    def _indices_of(self, recent_items: Sequence[str]) -> list[int]:
        """Return the newest known items as embedding indices, oldest first."""
        known = self.layout.index_of
        indices = [known[item] for item in recent_items if item in known]
        return indices[: self.config.max_length][::-1]

    def _bonuses_of(self, histories: Sequences) -> list[Bonus] | None:
        return None if self.neighbours is None else self.neighbours.find_bonuses(histories)


def _make_ranker(
    model: SequenceTransformer,
    layout: ItemLayout,
    config: RecommenderConfig,
    prepared: PreparedItems | None,
) -> ItemRanker:
    if prepared is not None:
        return ItemRanker(prepared.vectors, layout, (prepared.codes, prepared.scales))
    with torch.no_grad():
        scaled = model.item_vectors() / config.temperature  # [I, D]
    return ItemRanker(scaled.contiguous().numpy(), layout)
