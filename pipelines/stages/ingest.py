"""ingest: the raw source becomes the canonical items and interactions, and time is cut."""

from __future__ import annotations

import sys

from expectations.contracts.tables import INTERACTIONS
from expectations.contracts.values import DataSeen
from pipelines.io import paths, stage
from pipelines.io.artefact_io import atomic_folder, scan_table, write_json
from pipelines.params.params import Params, read_params
from pipelines.sources.log_changes import read_log_changes
from pipelines.sources.source import IngestedPaths, write_source
from training.curation.timeline import make_timeline


def main(params: Params) -> None:
    """Write items, interactions, timeline and truth: all of them, or nothing on an error."""
    runtime = params.runtime
    dataset = params.dataset
    split = params.split
    changes = read_log_changes(dataset.events)
    with atomic_folder(paths.TRUTH) as truth, atomic_folder(paths.ITEMS.parent) as folder:
        written = IngestedPaths(folder / paths.ITEMS.name, folder / paths.INTERACTIONS.name, truth)
        ingested = write_source(dataset, split, runtime.seed, changes, written)
        timeline = make_timeline(scan_table(written.interactions, INTERACTIONS), split)
        write_json(timeline.to_json(), folder / paths.TIMELINE.name)
        seen = DataSeen(timeline.end, changes.events_until_us, dataset.threshold)
        write_json(seen.to_json(), folder / paths.DATA_SEEN.name)
        write_json(ingested.profile.report.to_json(), folder / paths.gates_of("ingest").name)
        write_json(ingested.figures, paths.metrics_of("ingest"))
    for line in ingested.notes:
        print(line, file=sys.stderr)


if __name__ == "__main__":
    stage.run("ingest", lambda: main(read_params()))
