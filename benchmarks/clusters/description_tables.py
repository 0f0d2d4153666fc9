"""What the names of clusters were found to be worth, and the tables that show it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.clusters.name_extractors import EXTRACTORS
from benchmarks.markdown import to_markdown

OURS = "ours"
LEAVES = 64
"""Leaves of the trees whose names are held against each other extractor one by one."""
RESAMPLES = 2000


@dataclass(frozen=True)
class Judged:
    """The names that one extractor gave to the leaves of one tree, from one half of its items.

    ``npmi``, ``npmi_as_long`` and ``npmi_unique`` hold a figure per leaf, the second with as many
    words as ours, the third made unique. ``distinct`` is the share of names that no other leaf
    has, ``unusable`` of those that, made unique, are still another's or of fewer than two words.
    """

    world: str
    seed: int
    n_leaves: int
    extractor: str
    npmi: np.ndarray
    npmi_as_long: np.ndarray
    npmi_unique: np.ndarray
    found: float
    distinct: float
    unusable: float


@dataclass(frozen=True)
class Shape:
    """What the names of a whole tree look like, level by level together."""

    world: str
    seed: int
    n_leaves: int
    n_repeated: int
    n_of_wrong_length: int
    n_first_words: float
    named_after_topic: float | None


def to_shape_table(shapes: list[Shape]) -> str:
    """Return a Markdown table: a row per world and number of leaves, the worst of all seeds.

    Fewer leaves than planted topics cannot each be named after one.
    """
    names = ["world", "leaves", "repeated names", "not of 2–6 words", "first words, as if alike"]
    rows = []
    for world, count in dict.fromkeys((shape.world, shape.n_leaves) for shape in shapes):
        found = [shape for shape in shapes if (shape.world, shape.n_leaves) == (world, count)]
        topics = [s.named_after_topic for s in found if s.named_after_topic is not None]
        rows.append(
            (
                world,
                count,
                max(shape.n_repeated for shape in found),
                max(shape.n_of_wrong_length for shape in found),
                f"{min(shape.n_first_words for shape in found):.0f}",
                f"{min(topics):.3f}" if topics and count >= LEAVES else "–",
            )
        )
    return to_markdown([*names, "named after the planted topic"], rows)


def to_rival_table(judged: list[Judged]) -> str:
    """Return a Markdown table: per world and number of leaves, ours beside its best rival.

    The best as they come, and the best of those made unique with its share of unusable names.
    """
    names = ["world", "leaves", "ours", "best rival", "its NPMI", "ours above it, 95% interval"]
    names += ["best made unique", "its NPMI", "ours above it, 95% interval", "unusable"]
    rows = []
    rng = np.random.default_rng(0)
    for world, count in dict.fromkeys((one.world, one.n_leaves) for one in judged):
        here = [one for one in judged if (one.world, one.n_leaves) == (world, count)]
        ours = np.concatenate([one.npmi for one in here if one.extractor == OURS])
        row = [world, str(count), f"{np.nanmean(ours):.3f}"]
        for is_unique in (False, True):
            npmi = {name: _gather(here, name, is_unique) for name in EXTRACTORS}
            rival = max(EXTRACTORS, key=lambda name: float(np.nanmean(npmi[name])))
            row += [rival, f"{np.nanmean(npmi[rival]):.3f}", _lead(ours - npmi[rival], rng)]
        unusable = np.mean([one.unusable for one in here if one.extractor == rival])
        rows.append((*row, f"{unusable:.0%}"))
    return to_markdown(names, rows)


def _gather(judged: list[Judged], extractor: str, is_unique: bool) -> np.ndarray:
    found = [one for one in judged if one.extractor == extractor]
    return np.concatenate([one.npmi_unique if is_unique else one.npmi for one in found])


def to_npmi_table(judged: list[Judged]) -> str:
    """Return a Markdown table for trees of :data:`LEAVES` leaves: a row per world and extractor.

    Means over seeds and halves.
    """
    judged = [one for one in judged if one.n_leaves == LEAVES]
    names = ["world", "extractor", "NPMI per seed", "ours above it, 95% interval"]
    names += ["ours above it at our length", "names of one leaf alone", "finds its items"]
    rows = []
    rng = np.random.default_rng(0)
    for world in dict.fromkeys(one.world for one in judged):
        for extractor in (OURS, *EXTRACTORS):
            found = [one for one in judged if (one.world, one.extractor) == (world, extractor)]
            own = [one for one in judged if (one.world, one.extractor) == (world, OURS)]
            seeds = [
                np.nanmean(np.concatenate([one.npmi for one in found if one.seed == seed]))
                for seed in dict.fromkeys(one.seed for one in found)
            ]
            leads = ["", ""]
            if extractor != OURS:
                pairs = list(zip(own, found, strict=True))
                leads = [
                    _lead(np.concatenate([a.npmi - b.npmi for a, b in pairs]), rng),
                    _lead(np.concatenate([a.npmi - b.npmi_as_long for a, b in pairs]), rng),
                ]
            rows.append(
                (
                    world,
                    extractor,
                    ", ".join(f"{value:.3f}" for value in seeds),
                    *leads,
                    f"{np.mean([one.distinct for one in found]):.0%}",
                    f"{np.mean([one.found for one in found]):.3f}",
                )
            )
    return to_markdown(names, rows, n_texts=2)


def _lead(values: np.ndarray, rng: np.random.Generator) -> str:
    known = values[~np.isnan(values)]
    low, high = _interval(known, rng)
    return f"{known.mean():+.3f} [{low:.3f}, {high:.3f}]"


def _interval(values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95% ends of the mean, resampling clusters."""
    drawn = rng.choice(values, size=(RESAMPLES, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)
