"""The three worlds that clusters are judged on: MovieLens, Amazon Office and the synthetic one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from expectations.contracts.tables import INTERACTIONS, ITEMS
from pipelines.io.artefact_io import read_table, scan_table
from pipelines.sources.config import DatasetConfig
from pipelines.sources.log_changes import read_log_changes
from pipelines.sources.source import IngestedPaths, write_source
from pipelines.sources.synthetic.truth import TRUE_ITEM_TOPICS, item_topics_path
from training.curation.timeline import SplitConfig, Timeline, make_timeline

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"
SYNTHETIC = "synthetic"
WORLDS = {
    "movielens": DatasetConfig(source="movielens", path=str(SHARED_DATA / "ml-latest-small")),
    "office": DatasetConfig(source="files", path=str(SHARED_DATA / "amazon-office")),
    SYNTHETIC: DatasetConfig(path=str(REPOSITORY / DatasetConfig().path)),
}


@dataclass(frozen=True)
class JudgedWorld:
    """A world as ingest leaves it.

    Attributes:
        name: one of :data:`WORLDS`.
        items: the table ITEMS, ascending.
        interactions: the table INTERACTIONS.
        timeline: where time is cut by default.
        topic_of_item: the planted topic of each item ``[n_items]``; ``None`` where none is known.
    """

    name: str
    items: pl.DataFrame
    interactions: pl.LazyFrame
    timeline: Timeline
    topic_of_item: np.ndarray | None

    def held_out(self, is_test: bool) -> tuple[datetime, datetime]:
        """Return start and end of the test period, or of the validation window."""
        if is_test:
            return self.timeline.fit_until, self.timeline.end
        return self.timeline.train_until, self.timeline.fit_until


def read_world(name: str, seed: int, folder: Path) -> JudgedWorld:
    """Write a world below ``folder`` and read it; the seed makes another synthetic world.

    Raises:
        UserError: the data of a real world does not lie in ``../shared/data``.
    """
    written = IngestedPaths(
        folder / "items.parquet", folder / "interactions.parquet", folder / "truth"
    )
    split = SplitConfig()
    write_source(WORLDS[name], split, seed, read_log_changes(None), written)
    items = read_table(written.items, ITEMS).sort("item_id")
    interactions = scan_table(written.interactions, INTERACTIONS)
    topics = None
    if name == SYNTHETIC:
        truth = read_table(item_topics_path(written.truth), TRUE_ITEM_TOPICS)
        topics = items.join(truth, on="item_id", maintain_order="left")["topic_id"].to_numpy()
    return JudgedWorld(name, items, interactions, make_timeline(interactions, split), topics)
