"""The fitted world beside the log that it was fitted to: is it like what it stands for?

Run from the top of a tree in which the stages ingest and clusters are built, of whichever data set:

    python -m benchmarks.fitted_world

prints one Markdown table. The model reads the ingested log alone; by clusters_per_user,
top_items_share and the last two nothing was calibrated.
"""

from __future__ import annotations

import warnings

from benchmarks.markdown import to_markdown
from pipelines.experiment.fitted_world import fit_world
from pipelines.io.clusters_reader import read_clusters
from pipelines.io.command import run_command
from pipelines.params.params import read_params


def main() -> None:
    """Fit the world to the ingested log and print both sides."""
    params = read_params()
    clusters = read_clusters(params.clusters.serving_level)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a factorisation that stops at its bound
        likeness = fit_world(clusters, params.runtime.seed).likeness
    names = [name.removeprefix("log_") for name in likeness if name.startswith("log_")]
    rows = [
        (name, *(f"{likeness[f'{side}_{name}']:.3f}" for side in ("log", "simulated")))
        for name in names
    ]
    print(to_markdown(["figure", "log", "simulated"], rows))


if __name__ == "__main__":
    run_command(main)
