"""Stage collective: what everybody's choices, and how near clusters stand, say of each context."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from expectations.contracts.tables import TRANSITIONS
from pipelines.io import paths, stage
from pipelines.io.artefact_io import atomic_file, read_json, read_table, write_json
from pipelines.io.clusters_reader import read_clusters
from pipelines.io.evidence_reader import read_evidence
from pipelines.params.params import Params, read_params
from training.collective.evidence import Evidence
from training.collective.fit import fit_weights
from training.collective.signal import save_signal
from training.curation.timeline import Timeline
from training.planner.data.transitions import read_transitions


def main(params: Params) -> None:
    """Weigh the evidence on validation transitions; write the signal without and with them."""
    config = params.collective
    runtime = params.runtime
    timeline = Timeline.from_json(read_json(paths.TIMELINE))
    clusters = read_clusters(params.clusters.serving_level)
    transitions = read_transitions(read_table(paths.TRANSITIONS, TRANSITIONS), "validation")

    def gather(before: datetime) -> Evidence:
        representation = params.clusters.representation
        return read_evidence(clusters, before, config, representation, runtime.seed)

    with threadpool_limits(runtime.threads):  # another number of threads sums in another order
        evidence = gather(timeline.train_until)
        weights = fit_weights(evidence, transitions, config, np.random.default_rng(runtime.seed))
        signals = {
            paths.SIGNAL_BEFORE_VALIDATION: weights.weigh(evidence),
            paths.SIGNAL_BEFORE_TEST: weights.weigh(gather(timeline.fit_until)),
        }
    write_json(weights.to_metrics(), paths.metrics_of("collective"))
    for path, signal in signals.items():
        with atomic_file(path) as file:
            save_signal(signal, file)


if __name__ == "__main__":
    stage.run("collective", lambda: main(read_params()))
