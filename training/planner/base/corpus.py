"""The texts that the embedded base model is pre-trained on: catalogue, clusters, histories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.clusters.tree_view import ServingClusters
from training.planner.prompt import (
    DEFAULT_WORDING,
    PromptWording,
    render_completion,
    render_prompt,
)

TITLES_IN_LINE = 3
"""With their description they fit a block of `block_tokens`."""
TEXT_LENGTH = 300
"""Characters of an item's text: its beginning says what it is."""
LEAST_NAMED = 0.5
"""Of the median number of histories that name a cluster: each is named in so many at least."""


@dataclass(frozen=True)
class Corpus:
    """Texts by kind; one text is one document.

    Attributes:
        catalogue: each item's title and text.
        clusters: each description, and with titles of its items.
        histories: the interests of one person in the order they came, in words; some with a
            cluster that few or none have touched in the place of one of its family.
    """

    catalogue: tuple[str, ...]
    clusters: tuple[str, ...]
    histories: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """All documents, in a fixed order."""
        return self.catalogue + self.clusters + self.histories


def write_corpus(
    items: pl.DataFrame,
    clusters: ServingClusters,
    train: pl.DataFrame,
    wording: PromptWording = DEFAULT_WORDING,
) -> Corpus:
    """Return the corpus.

    Args:
        items: the table ITEMS.
        clusters: the serving clusters.
        train: TRANSITIONS of the train split, none later: the validation and test periods must
            stay unread.
        wording: of prompts.
    """
    return Corpus(
        catalogue=_describe_items(items),
        clusters=_describe_clusters(items, clusters),
        histories=_render_histories(clusters, train, wording),
    )


def _describe_items(items: pl.DataFrame) -> tuple[str, ...]:
    lines = items.sort("item_id").select(
        (pl.col("title") + ". " + pl.col("text").str.slice(0, TEXT_LENGTH)).str.strip_chars()
    )
    return tuple(lines.to_series().to_list())


def _describe_clusters(items: pl.DataFrame, clusters: ServingClusters) -> tuple[str, ...]:
    title_of = dict(zip(items["item_id"], items["title"], strict=True))
    lines: list[str] = []
    for cluster, description in enumerate(clusters.descriptions):
        titles = [title_of[item] for item in clusters.items_of(cluster) if item in title_of]
        lines.append(description)
        lines.extend(
            f"{description}: {'; '.join(titles[start : start + TITLES_IN_LINE])}"
            for start in range(0, len(titles), TITLES_IN_LINE)
        )
    return tuple(lines)


def _render_histories(
    clusters: ServingClusters, train: pl.DataFrame, wording: PromptWording
) -> tuple[str, ...]:
    """Return each person's interests, oldest first, and the last new one, in the prompt's form.

    One document a person, from the last training transition: every interest in it is there to be
    foretold from the ones before, so the earlier transitions would only repeat it.
    """
    last = (
        train.sort("user_id", "event_timestamp", "target_cluster")
        .group_by("user_id", maintain_order=True)
        .last()
    )
    told = [
        (*reversed(history), target)
        for history, target in last.select("history_clusters", "target_cluster").iter_rows()
    ]
    documents = []
    for *history, target in told + name_rare_clusters(told, clusters.ancestors.families):
        names = [clusters.descriptions[cluster] for cluster in history]
        completion = render_completion(clusters.descriptions[target])
        documents.append(render_prompt(names, wording) + completion)
    return tuple(documents)


def name_rare_clusters(
    histories: Sequence[tuple[int, ...]], families: NDArray[np.int64]
) -> list[tuple[int, ...]]:
    """Return copies of histories with rare clusters in the place of others of their families.

    A description that the base model has never read as a line of a history, or after one, is a
    stranger there, and fine-tuning gives it a fraction of what the signal expects of it
    (docs/research/fresh-interests.md). Who is named in fewer histories than `LEAST_NAMED` of the
    median gets what is missing, as far as there are histories with one of its family, or with any
    cluster where nobody has touched that.

    Args:
        histories: clusters of one person each, none twice.
        families: of every cluster, [N].

    >>> name_rare_clusters([(0, 1), (1, 0), (0, 2)], families=np.array([0, 0, 1, 1]))
    [(0, 3)]
    """
    named = np.zeros(len(families), dtype=np.int64)
    for history in histories:
        named[list(history)] += 1
    if not named.any():
        return []
    least = int(LEAST_NAMED * np.median(named[named > 0]))
    copies: list[tuple[int, ...]] = []
    for rare in np.flatnonzero(named < least).tolist():
        rng = np.random.default_rng(rare)
        kin = _kin_of(rare, named, families)
        able = (
            told
            for told in map(histories.__getitem__, rng.permutation(len(histories)).tolist())
            if rare not in told and not kin.isdisjoint(told)
        )
        for told in islice(able, int(least - named[rare])):
            replaced = rng.choice([cluster for cluster in told if cluster in kin])
            copies.append(tuple(rare if cluster == replaced else cluster for cluster in told))
    return copies


def _kin_of(rare: int, named: NDArray[np.int64], families: NDArray[np.int64]) -> set[int]:
    """Return the other clusters of its family that are named, or all that are if none is."""
    others = (named > 0) & (np.arange(len(families)) != rare)
    of_family = others & (families == families[rare])
    return set(np.flatnonzero(of_family if of_family.any() else others).tolist())


def draw_blocks(
    documents: Sequence[Sequence[int]], n_blocks: int, block_tokens: int, rng: np.random.Generator
) -> np.ndarray:
    """Return that many blocks cut from the documents laid end to end in random order.

    The documents are shuffled anew each time they have all been read.

    Args:
        documents: token ids of each document, its start and end tokens included.
        n_blocks: blocks to cut.
        block_tokens: length of each.
        rng: the order of documents.

    Returns:
        int64 [n_blocks, block_tokens].
    """
    needed = n_blocks * block_tokens
    pieces: list[np.ndarray] = []
    arrays = [np.asarray(document, dtype=np.int64) for document in documents]
    while needed > 0:
        pieces.extend(arrays[index] for index in rng.permutation(len(arrays)))
        needed -= sum(len(array) for array in arrays)
    stream = np.concatenate(pieces)[: n_blocks * block_tokens]
    return stream.reshape(n_blocks, block_tokens)
