"""What a catalogue in any language is called, planned and reported as, through every stage.

    python -m benchmarks.clusters.languages FOLDER [--languages Thai Hindi]

Each language is an export of 300 made-up titles of twelve planted topics and a log of a thousand
people, built in a checkout of its own; one that has been built is only read again.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import polars as pl
import yaml

from benchmarks.markdown import to_markdown
from tests.house.builds.checkout import clean_checkout, repro, run_module
from tests.worlds.languages import LANGUAGES, Language, build_catalogue, write_export
from training.clusters.representation.segmentation import split_words

REPORT = "report.txt"
"""In the checkout; the last thing a build leaves."""


@dataclass(frozen=True)
class LanguageFigures:
    """What became of a catalogue.

    Attributes:
        topics_named: clusters whose name has a word of the topic that most of their items have.
        clusters: how many there are.
        unnamed: share of clusters without a name.
        by_example: share of clusters named by two of their titles.
        match_rate: of the planner's greedy writing.
        planned: lines of the report that plan an interest,
        planned_named: and those that call it by a cluster's name.
    """

    topics_named: int
    clusters: int
    unnamed: float
    by_example: float
    match_rate: float
    planned: int
    planned_named: int


def build(language: Language, folder: Path) -> Path:
    """Return a checkout in which this language was built, published and reported."""
    checkout = folder / "checkout"
    if (checkout / REPORT).is_file():
        return checkout
    folder.mkdir(parents=True)
    clean_checkout(checkout)
    write_export(language, folder / "export")
    settings = yaml.safe_load((checkout / "params.yaml").read_text())
    settings["dataset"] |= {"source": "files", "path": str(folder / "export")}
    settings["clusters"]["levels"] = [3, 12]
    # Each of the 78 rows must be written right; a world of twelve clusters has few to learn it by.
    settings["planner"] |= {"max_steps": 400, "completion_weight": 0.5}
    (checkout / "params.yaml").write_text(yaml.safe_dump(settings, sort_keys=True))
    repro(checkout)
    run_module(checkout, "pipelines.commands", "publish")
    (checkout / REPORT).write_text(run_module(checkout, "pipelines.commands", "report"))
    return checkout


def look_at_build(language: Language, checkout: Path) -> LanguageFigures:
    """Return what a built checkout says."""
    clusters = json.loads((checkout / "metrics/clusters.json").read_text())
    planner = json.loads((checkout / "metrics/planner.json").read_text())
    nodes = pl.read_parquet(checkout / "artifacts/clusters/clusters.parquet")
    serving = nodes.filter(pl.col("level") == 1)
    names = dict(serving.select("cluster_id", "description").iter_rows())
    items = pl.read_parquet(checkout / "artifacts/clusters/item_clusters.parquet")
    topic_of_item = build_catalogue(language).topic_of_item
    named = 0
    for cluster, name in names.items():
        own = items.filter((pl.col("level") == 1) & (pl.col("cluster_id") == cluster))["item_id"]
        (topic, _), *_ = Counter(int(topic_of_item[int(item)]) for item in own).most_common(1)
        named += any(word in name for word in split_words(language.topics[topic].lower()))
    report = (checkout / REPORT).read_text().splitlines()
    planned = [line for line in report if line.strip()[:2] in ("1.", "2.", "3.")]
    return LanguageFigures(
        topics_named=named,
        clusters=len(names),
        unnamed=clusters["unnamed_share"],
        by_example=clusters["named_by_example_share"],
        match_rate=planner["match_rate"],
        planned=len(planned),
        planned_named=sum(any(name in line for name in names.values()) for line in planned),
    )


def main() -> None:
    """Build the languages that are not there, one after the other, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.clusters.languages")
    parser.add_argument("folder", type=Path, help="for one checkout a language, some 100 MB each")
    parser.add_argument("--languages", nargs="+", choices=LANGUAGES, default=list(LANGUAGES))
    arguments = parser.parse_args()
    rows = []
    for name in arguments.languages:
        checkout = build(LANGUAGES[name], arguments.folder / name.replace(" ", "_"))
        rows.append((name, *astuple(look_at_build(LANGUAGES[name], checkout))))
    print(to_markdown(("language", *(field.name for field in fields(LanguageFigures))), rows))


if __name__ == "__main__":
    main()
