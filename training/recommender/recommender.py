"""The fitted recommender: answers for one user or many, scoring only the blocks asked for.

Shapes: Q queries, U distinct histories, D dimension, I items, C candidates of one query.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from expectations.contracts.errors import UserError
from training.recommender.config import RecommenderConfig
from training.recommender.data import Sequences, pad
from training.recommender.layout import ItemLayout
from training.recommender.model import SequenceTransformer, make_empty_model
from training.recommender.protocol import EmptyHistoryError, ItemQuery, ScoredItem

WEIGHTS_FILE = "weights.safetensors"
CONFIG_FILE = "config.json"
ITEMS_FILE = "items.parquet"
HISTORIES_AT_ONCE = 256
CELLS_AT_ONCE = 32_000_000
"""Scores of whole catalogues held at one time: 128 MB."""


class SequenceRecommender:
    """A fitted transformer with its item layout: a ``BatchRecommender``.

    Attributes:
        model: the transformer; never trained here.
        layout: its items, a serving cluster being one block.
        config: how it was made.
    """

    def __init__(
        self, model: SequenceTransformer, layout: ItemLayout, config: RecommenderConfig
    ) -> None:
        self.model = model
        self.layout = layout
        self.config = config
        with torch.no_grad():
            scaled = model.item_vectors() / config.temperature
        self._item_vectors = scaled.contiguous()  # [I, D]

    @property
    def item_ids(self) -> tuple[str, ...]:
        """The catalogue, in the order of :meth:`score_items`."""
        return self.layout.item_ids

    def score_items(self, recent_items: Sequence[str]) -> np.ndarray:
        """Return the score of every item for one user; see the protocol."""
        scores: np.ndarray = self.score_batch([recent_items])[0]
        return scores

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
        scores: np.ndarray = (self._encode(newest) @ self._item_vectors.T).numpy()  # [U, I]
        return scores

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
        """Return the best items of each query, in order; equal scores in order of place.

        Equal histories are encoded once. Within clusters only their blocks are scored; every
        block is scored in one go for all the queries that ask for it.

        Raises:
            ValueError: a query names a cluster that does not exist.
        """
        histories = self._histories_of(queries)
        rows = {history: row for row, history in enumerate(dict.fromkeys(filter(None, histories)))}
        states = self._encode(Sequences.of(list(rows))).numpy()  # [U, D]
        asked = [n for n, history in enumerate(histories) if history]
        block_queries = [self._block_query(queries[n], rows[histories[n]]) for n in asked]
        ranked = self._scorer.rank(states, block_queries)
        answers: list[list[ScoredItem]] = [[] for _ in queries]
        for n, places, scores in zip(
            asked, ranked.places.tolist(), ranked.scores.tolist(), strict=True
        ):
            answers[n] = self._name_items(places, scores)
        return answers

    def save(self, folder: Path) -> None:
        """Write weights, configuration and item layout into an existing folder."""
        save_file(self.model.state_dict(), folder / WEIGHTS_FILE)
        content = {"n_clusters": self.layout.n_clusters, "config": self.config.model_dump()}
        text = json.dumps(content, indent=2, sort_keys=True)
        (folder / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")
        self.layout.save(folder / ITEMS_FILE)

    @classmethod
    def load(cls, folder: Path) -> SequenceRecommender:
        """Return the recommender that :meth:`save` wrote.

        Raises:
            UserError: the folder lacks a file, or its parts do not fit together.
        """
        for name in (WEIGHTS_FILE, CONFIG_FILE, ITEMS_FILE):
            if not (folder / name).is_file():
                remedy = "run the recommender stage again"
                raise UserError(str(folder), f"a recommender's folder holds {name}", remedy)
        content = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        config = RecommenderConfig.model_validate(content["config"])
        layout = ItemLayout.load(folder / ITEMS_FILE, content["n_clusters"])
        model = make_empty_model(layout, config)
        try:
            model.load_state_dict(load_file(folder / WEIGHTS_FILE))
        except RuntimeError as error:
            remedy = "restore the three files of one training run"
            raise UserError(
                str(folder), "weights, config and items belong together", remedy, str(error)[:200]
            ) from None
        return cls(model, layout, config)

    def _indices_of(self, recent_items: Sequence[str]) -> list[int]:
        """Return the newest known items as embedding indices, oldest first."""
        known = self.layout.index_of
        indices = [known[item] for item in recent_items if item in known]
        return indices[: self.config.max_length][::-1]

    def _encode(self, histories: Sequences) -> Tensor:
        """Return the unit vector of each history, ``[U, D]``, those of like length together."""
        order = np.argsort(histories.lengths, kind="stable")
        encoded = torch.empty(len(histories), self.config.dimension)  # [U, D]
        for start in range(0, len(order), HISTORIES_AT_ONCE):
            chosen = order[start : start + HISTORIES_AT_ONCE]
            rows = torch.from_numpy(pad(histories.take(chosen)))  # [B, S]
            with torch.no_grad():
                encoded[chosen] = self.model.encode(rows)  # [B, D]
        return encoded

    def _score_blocks(
        self, states: dict[int, Tensor], plans: dict[int, list[int]]
    ) -> dict[int, np.ndarray]:
        """Return the scores of each query's candidates, in ascending place, ``[C]`` each.

        Args:
            states: of each query, ``[D]``.
            plans: clusters of each query, ascending, each once.
        """
        starts = self.layout.block_starts
        askers: dict[int, list[int]] = {}
        for query, plan in plans.items():
            for cluster in plan:
                askers.setdefault(cluster, []).append(query)
        blocks: dict[int, list[np.ndarray]] = {query: [] for query in plans}
        for cluster in sorted(askers):
            if not 0 <= cluster < self.layout.n_clusters:
                raise ValueError(f"no cluster {cluster} of {self.layout.n_clusters}")
            asking = torch.stack([states[query] for query in askers[cluster]])  # [askers, D]
            block = self._item_vectors[starts[cluster] : starts[cluster + 1]]  # a view
            scores = (asking @ block.T).numpy()  # [askers, items of the cluster]
            for query, piece in zip(askers[cluster], scores, strict=True):
                blocks[query].append(piece)
        nothing = np.empty(0, dtype=np.float32)
        return {query: np.concatenate([nothing, *pieces]) for query, pieces in blocks.items()}

    def _rank(self, query: ItemQuery, places: np.ndarray, scores: np.ndarray) -> list[ScoredItem]:
        """Return the best of the candidates, the excluded ones left out."""
        excluded = self.layout.places_of(query.exclude)
        at = np.minimum(np.searchsorted(places, excluded), max(len(places) - 1, 0))
        if len(places):
            scores[at[places[at] == excluded]] = -np.inf
        best = top_places(scores, query.k)
        clusters = self.layout.cluster_of_place
        return [
            ScoredItem(self.item_ids[places[c]], int(clusters[places[c]]), float(scores[c]))
            for c in best
        ]


def top_places(scores: np.ndarray, k: int) -> np.ndarray:
    """Return where the ``k`` highest finite scores stand, best first, equal ones ascending."""
    k = min(k, len(scores))
    if k <= 0:
        return np.empty(0, dtype=np.int64)
    bar = np.partition(scores, len(scores) - k)[len(scores) - k]
    candidates = np.flatnonzero((scores >= bar) & np.isfinite(scores))
    return candidates[np.argsort(-scores[candidates], kind="stable")][:k]
