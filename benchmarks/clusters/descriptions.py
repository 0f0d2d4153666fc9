"""How good the names of clusters are on three worlds and several seeds, against other extractors.

Run from the top of the repository: `python -m benchmarks.clusters.descriptions`. For each tree the
items are cut into two halves at random. Names are made from the texts of one half and judged on
those of the other, then the other way round. An item's text is one document: title, categories and
text.

- NPMI of two words is log(p(a, b) / (p(a) p(b))) / -log p(a, b), with p the share of held-out
  documents that have them (Bouma 2009); -1 where no document has both. A name's is the mean over
  the pairs of its words' stems (Lau, Newman & Baldwin 2014), a tree's the mean over its leaves.
- A name *finds its items* when a held-out item shares more words, weighed by -log p, with the name
  of its own cluster than with that of another one: the share of such pairs, ties counting half.

Ours stops where nothing is added; the other extractors have no such rule and give four words, the
default of `clusters.description.words`. A second column gives them as many words as ours has. Names
must be unique here, and those of the others need not be: so they are also judged *made unique*,
each that is taken going on to its next best word.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import scipy.sparse as sp

from benchmarks.clusters.description_tables import (
    OURS,
    Judged,
    Shape,
    to_npmi_table,
    to_rival_table,
    to_shape_table,
)
from benchmarks.clusters.name_extractors import EXTRACTORS, ClusterWords, gather_words, make_unique
from benchmarks.clusters.quality import levels_above
from benchmarks.clusters.worlds import WORLDS, JudgedWorld, read_world
from pipelines.io.artefact_io import read_table
from pipelines.sources.synthetic.truth import TRUE_TOPICS, topics_path
from training.clusters.config import ClusterConfig
from training.clusters.naming.describe import describe_tree
from training.clusters.representation.represent import Representation, fit_items
from training.clusters.representation.words import read_words, stem_word
from training.clusters.tree.tree import ClusterTree, build_tree

SEEDS = (0, 1, 2)
N_WORDS = ClusterConfig().description.words


def main() -> None:
    """Measure what is asked for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS), choices=list(WORLDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--counts", type=int, nargs="+", default=(32, 64, 128, 256))
    arguments = parser.parse_args()
    judged: list[Judged] = []
    shapes: list[Shape] = []
    for name in arguments.worlds:
        for seed in arguments.seeds:
            with tempfile.TemporaryDirectory() as folder:
                world = read_world(name, seed, Path(folder))
                topics = _read_topics(world, Path(folder))
                for count in arguments.counts:
                    represented, tree = _build(world, count, seed)
                    shapes.append(_measure_shape(world, represented, tree, topics, seed))
                    judged.extend(judge(world, represented, tree, seed))
                print(name, seed, file=sys.stderr, flush=True)
    print(to_shape_table(shapes), to_rival_table(judged), to_npmi_table(judged), sep="\n\n")


def judge(
    world: JudgedWorld, represented: Representation, tree: ClusterTree, seed: int
) -> Iterator[Judged]:
    """Yield what every extractor's names are worth on the half they were not made from."""
    rng = np.random.default_rng(seed)
    in_first = rng.random(world.items.height) < 0.5
    for is_named in (in_first, ~in_first):
        half, leaves = _cut(tree, is_named)
        labels = half.labels[-1]
        items = world.items.filter(pl.Series(is_named))
        ours = _name(items, half, represented, is_named)
        given = gather_words(read_words(items), labels)
        own = [_stems_of(description) for description in ours]
        names = {OURS: own} | {name: rank(given, rng) for name, rank in EXTRACTORS.items()}
        held_out = ~is_named & np.isin(tree.labels[-1], leaves)
        documents = gather_words(
            read_words(world.items.filter(pl.Series(held_out))),
            np.searchsorted(leaves, tree.labels[-1][held_out]),
        )
        for extractor, found in names.items():
            is_ours = extractor == OURS
            usual = found if is_ours else [stems[:N_WORDS] for stems in found]
            unique = found if is_ours else make_unique(found, N_WORDS)
            as_long = [stems[: len(mine)] for stems, mine in zip(found, own, strict=True)]
            npmi, finding = _judge_names(usual, documents)
            yield Judged(
                world.name,
                seed,
                len(tree.centres[-1]),
                extractor,
                npmi,
                _judge_names(as_long, documents)[0],
                _judge_names(unique, documents)[0],
                finding,
                _share_of_distinct(usual),
                _share_of_unusable(unique),
            )


def _build(world: JudgedWorld, count: int, seed: int) -> tuple[Representation, ClusterTree]:
    config = ClusterConfig(levels=levels_above(count))
    rng = np.random.default_rng(seed)
    represented = fit_items(
        world.items, world.interactions, world.timeline.fit_until, config.representation, rng
    )[1]
    return represented, build_tree(represented, config, rng)


def _cut(tree: ClusterTree, is_kept: np.ndarray) -> tuple[ClusterTree, np.ndarray]:
    """Return the tree of some items, without the clusters that have none, and the leaves left."""
    levels = [np.unique(labels[is_kept], return_inverse=True) for labels in tree.labels]
    labels = tuple(compact for _, compact in levels)
    centres = tuple(c[kept] for c, (kept, _) in zip(tree.centres, levels, strict=True))
    return replace(tree, labels=labels, centres=centres), levels[-1][0]


def _name(
    items: pl.DataFrame, tree: ClusterTree, represented: Representation, is_kept: np.ndarray
) -> tuple[str, ...]:
    part = replace(
        represented,
        item_ids=items["item_id"],
        vectors=represented.vectors[is_kept],
        collaborative=represented.collaborative[is_kept],
        traffic=represented.traffic[is_kept],
    )
    return tuple(name.text for name in describe_tree(items, tree, part, ClusterConfig())[-1])


def _stems_of(description: str) -> list[str]:
    """Return the stems that reading an item with this title would give, none twice."""
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "item_id": pl.String,
        "title": pl.String,
        "text": pl.String,
        "category_path": pl.List(pl.String),
    }
    items = pl.DataFrame([("name", description, "", None)], schema=schema, orient="row")
    decades = [word for word in description.split() if word[0].isdigit()]
    return list(dict.fromkeys([*read_words(items)["stem"].to_list(), *decades]))


def _judge_names(
    names: Sequence[Sequence[str]], held_out: ClusterWords
) -> tuple[np.ndarray, float]:
    """Return the NPMI of each name and how surely names find their items."""
    columns = {stem: column for column, stem in enumerate(held_out.stems)}
    presence = held_out.presence.tocsc()
    together = (presence.T @ presence).tocsr()
    n_items = len(held_out.labels)
    shares = np.asarray(presence.mean(axis=0)).ravel()

    def measure(pair: tuple[str, str]) -> float:
        first, second = (columns.get(stem) for stem in pair)
        both = 0.0 if first is None or second is None else together[first, second] / n_items
        if both == 0:
            return -1.0
        return float(np.log(both / (shares[first] * shares[second])) / -np.log(both))

    npmi = np.array(
        [np.mean([measure(pair) for pair in combinations(name, 2)] or [np.nan]) for name in names]
    )
    return npmi, _measure_finding(names, held_out, columns, shares)


def _share_of_distinct(names: Sequence[Sequence[str]]) -> float:
    counts = Counter(frozenset(name) for name in names)
    return sum(count for count in counts.values() if count == 1) / len(names)


def _share_of_unusable(names: Sequence[Sequence[str]]) -> float:
    counts = Counter(frozenset(name) for name in names)
    return sum(len(name) < 2 or counts[frozenset(name)] > 1 for name in names) / len(names)


def _measure_finding(
    names: Sequence[Sequence[str]],
    held_out: ClusterWords,
    columns: dict[str, int],
    shares: np.ndarray,
) -> float:
    cells = [
        (columns[stem], cluster)
        for cluster, name in enumerate(names)
        for stem in name
        if stem in columns
    ]
    rows, clusters = (np.array(part) for part in zip(*cells, strict=True))
    weight = sp.csr_matrix((-np.log(shares[rows]), (rows, clusters)), (len(columns), len(names)))
    scores = (held_out.presence @ weight).toarray() / np.maximum(weight.sum(axis=0).A1, 1e-9)
    own = scores[np.arange(len(scores)), held_out.labels][:, None]
    wins = (own > scores).sum(axis=1) + ((own == scores).sum(axis=1) - 1) / 2
    return float(np.mean(wins / (len(names) - 1)))


def _read_topics(world: JudgedWorld, folder: Path) -> list[str] | None:
    if world.topic_of_item is None:
        return None
    return read_table(topics_path(folder / "truth"), TRUE_TOPICS).sort("topic_id")["name"].to_list()


def _measure_shape(
    world: JudgedWorld,
    represented: Representation,
    tree: ClusterTree,
    topics: list[str] | None,
    seed: int,
) -> Shape:
    levels = describe_tree(world.items, tree, represented, ClusterConfig())
    described = [[name.text for name in level] for level in levels]
    names = [name for level in described for name in level]
    leaves, labels = described[-1], tree.labels[-1]
    first = np.unique([name.split()[0] for name in leaves], return_counts=True)[1] / len(leaves)
    named = None
    if topics is not None and world.topic_of_item is not None:
        of_cluster = [world.topic_of_item[labels == nth] for nth in range(len(leaves))]
        main_topics = [topics[np.bincount(found).argmax()] for found in of_cluster]
        pairs = zip(main_topics, leaves, strict=True)
        named = float(np.mean([_names_topic(topic, leaf) for topic, leaf in pairs]))
    return Shape(
        world.name,
        seed,
        len(leaves),
        n_repeated=sum(len(level) - len(set(level)) for level in described),
        n_of_wrong_length=sum(not 2 <= len(name.split()) <= 6 for name in names),
        n_first_words=float(np.exp(-np.sum(first * np.log(first)))),
        named_after_topic=named,
    )


def _names_topic(topic: str, description: str) -> bool:
    stems = {stem_word(word) for word in description.split()}
    return {stem_word(word) for word in topic.lower().split()} <= stems


if __name__ == "__main__":
    main()
