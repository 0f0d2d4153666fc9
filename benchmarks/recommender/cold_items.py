"""What `recommender.item_text` is worth: items that nobody liked in training, and all items.

Run from the top of the repository: `python -m benchmarks.recommender.cold_items`. Clusters, texts
and the recommender are made with the default settings on the time before the validation window,
whose cases tell training when to stop, with or without text alike, and are then ranked by both:
whatever item was wanted, and the cold ones alone, among the whole catalogue and among cold items.
One training serves both: `item_text` moves the vectors of cold items only, after it.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.clusters.worlds import WORLDS, JudgedWorld, read_world
from training.clusters.config import ClusterConfig
from training.clusters.representation.represent import fit_items
from training.clusters.tree.tree import build_tree
from training.curation.cases import mine_item_cases
from training.evaluation.items.cases import HeldOut
from training.evaluation.items.measures import measure_ranks
from training.evaluation.items.ranks import SequenceScorer, rank_held_out
from training.evaluation.items.summary import name_columns, name_intervals
from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import Sequences, read_sequences
from training.recommender.data.layout import FIRST_ITEM, ItemLayout, arrange_items
from training.recommender.fitting.fit import choose_n_epochs
from training.recommender.fitting.validation import find_validation_cases
from training.recommender.model.item_text import embed_cold_items
from training.recommender.model.recommender import SequenceRecommender

MEASURES = ("recall_at_10", "ndcg_at_10")


def main() -> None:
    """Measure every world asked for and print its figures, with intervals over users."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--worlds", nargs="+", default=["office"], choices=list(WORLDS))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name in arguments.worlds:
        with tempfile.TemporaryDirectory() as folder:
            world = read_world(name, arguments.seed, Path(folder))
            print(name, json.dumps(measure(world, arguments.seed), indent=2), flush=True)


def measure(world: JudgedWorld, seed: int) -> dict[str, float]:
    """Return recall and NDCG with and without text, by what was wanted and what is ranked."""
    layout, text = arrange_with_text(world, seed)
    _, sequences = read_sequences(world.interactions, layout, world.timeline.train_until)
    likes = np.bincount(sequences.items, minlength=FIRST_ITEM + layout.n_items)[FIRST_ITEM:]
    contenders = fit_both(world, layout, sequences, likes, text, seed)
    users, cases = hold_out(world, layout)
    cold = np.flatnonzero(likes == 0) + FIRST_ITEM
    wants_cold, of_cold = keep_positives(cases, cold)
    figures: dict[str, float] = {
        "n_cases": len(cases),
        "n_cases_with_cold_items": len(of_cold),
        "n_cold_items": len(cold),
        "n_cold_items_wanted": len(of_cold.positives.items),
        "n_items": layout.n_items,
    }
    liked = np.flatnonzero(likes) + FIRST_ITEM
    settings = {
        "all_items": (users, cases),
        "cold_items": (users[wants_cold], of_cold),
        "cold_items_among_cold": (users[wants_cold], bar_too(of_cold, liked)),
    }
    for setting, (whose, held_out) in settings.items():
        measured = {
            f"{setting}_{name}": measure_contender(scorer, held_out, name)
            for name, scorer in contenders.items()
        }
        for ours in (f"{setting}_text", f"{setting}_transformer_text"):
            pair = {name: measured[name] for name in (ours, ours.replace("text", "plain"))}
            columns = name_columns(pair, ours, MEASURES)
            figures |= name_intervals(columns, whose, np.random.default_rng(seed))
    return figures


def arrange_with_text(world: JudgedWorld, seed: int) -> tuple[ItemLayout, np.ndarray]:
    """Return the items by cluster and what they say, in that order, as before validation."""
    config, rng = ClusterConfig(), np.random.default_rng(seed)
    before = world.timeline.train_until
    encoder, represented = fit_items(
        world.items, world.interactions, before, config.representation, rng
    )
    leaves = build_tree(represented, config, rng).labels[-1]
    ids = world.items["item_id"].to_list()
    layout = arrange_items(ids, leaves, int(leaves.max()) + 1)
    row_of = {item: row for row, item in enumerate(ids)}
    text: np.ndarray = encoder.text.encode(world.items)
    return layout, text[[row_of[item] for item in layout.item_ids]]


def fit_both(
    world: JudgedWorld,
    layout: ItemLayout,
    sequences: Sequences,
    likes: np.ndarray,
    text: np.ndarray,
    seed: int,
) -> dict[str, SequenceScorer]:
    """Return the recommender and its transformer, cold items embedded by their text and not."""
    config, rng = RecommenderConfig(), np.random.default_rng(seed)
    window = (world.timeline.train_until, world.timeline.fit_until)
    cases = find_validation_cases(
        world.interactions, layout, *window, config.max_validation_users, rng
    )
    plain = choose_n_epochs(sequences, cases, layout, config, seed, print)[1]
    model = copy.deepcopy(plain.model)
    embed_cold_items(model, likes, text)
    return {
        "text": SequenceRecommender(model, layout, config, plain.neighbours),
        "plain": plain,
        "transformer_text": SequenceRecommender(model, layout, config),
        "transformer_plain": SequenceRecommender(plain.model, layout, config),
    }


def hold_out(world: JudgedWorld, layout: ItemLayout) -> tuple[np.ndarray, HeldOut]:
    """Return the users of the validation window, and what they knew and came to like."""
    since = world.timeline.train_until
    events = world.interactions.collect()
    mined = mine_item_cases(events, world.timeline).filter(split="validation")
    users, histories = read_sequences(world.interactions, layout, since)
    row_of = {user: row for row, user in enumerate(users)}
    before = events.filter(pl.col("timestamp") < since).group_by("user_id").agg("item_id")
    consumed = dict(before.iter_rows())
    held_out = HeldOut(
        histories.take(np.array([row_of[user] for user in mined["user_id"]])),
        to_sequences(layout, [consumed[user] for user in mined["user_id"]]),
        to_sequences(layout, mined["positives"].to_list()),
    )
    return mined["user_id"].to_numpy(), held_out


def to_sequences(layout: ItemLayout, items: list[list[str]]) -> Sequences:
    """Return lists of items of the catalogue, which holds all there are, as indices."""
    return Sequences.of([[layout.index_of[item] for item in row] for row in items])


def keep_positives(cases: HeldOut, wanted: np.ndarray) -> tuple[np.ndarray, HeldOut]:
    """Return which cases want one of some items, and those cases with these positives alone."""
    kept = [np.intersect1d(cases.positives[row], wanted).tolist() for row in range(len(cases))]
    rows = np.flatnonzero([len(positives) for positives in kept])
    chosen = Sequences.of([kept[row] for row in rows])
    return rows, HeldOut(cases.histories.take(rows), cases.excluded.take(rows), chosen)


def bar_too(cases: HeldOut, items: np.ndarray) -> HeldOut:
    """Return the cases with some items left out of every ranking."""
    rows = [[*cases.excluded[row], *items] for row in range(len(cases))]
    return replace(cases, excluded=Sequences.of(rows))


def measure_contender(scorer: SequenceScorer, cases: HeldOut, name: str) -> dict[str, np.ndarray]:
    """Return the measures of every case, ``[n_cases]`` each."""
    ranks = rank_held_out(scorer, cases, 0, name).ranks
    measured = measure_ranks(ranks, cases.positives.offsets, [10])
    return {measure: measured[measure] for measure in MEASURES}


if __name__ == "__main__":
    main()
