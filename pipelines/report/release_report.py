"""The printed report: what was built, and how well it does."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mlflow import MlflowClient

from expectations.contracts.errors import ReleaseError
from inference.features.online_features import FeatureReader
from inference.release.loaded_release import LoadedRelease, load_release
from inference.release.registered import CHALLENGER, CHAMPION, RELEASE_MODEL
from inference.release.release_source import ReleaseSource
from inference.serving.config import ServingConfig
from pipelines.io import paths
from pipelines.online.feature_store import open_store
from pipelines.params.params import read_params
from pipelines.release.tracking import open_tracking, tracking_uri
from pipelines.report.report_figures import (
    figures_of,
    read_changes,
    show_changes,
    show_costs,
    show_experiment,
    show_planner,
    show_sizes,
)
from pipelines.report.report_names import show_names
from pipelines.report.report_people import choose_examples, show_example
from pipelines.report.report_recommender import show_recommender, show_restriction

RULE = "─" * 96
REPORT_FILE = "report.txt"


def print_report() -> None:
    """Print the report on the release in service, or on the last published one."""
    open_tracking()
    print(write_report(*find_reported_release(ReleaseSource(tracking_uri()))))


def write_report(release: LoadedRelease, alias: str) -> str:
    """Return the report on a release that was found by ``alias``, its figures being the tree's."""
    torch.set_num_threads(1)
    params = read_params()
    config = params.serving
    reader = FeatureReader(open_store)
    people = [
        line
        for example in choose_examples(release, reader, config)
        for line in (*show_example(example, release.titles), "")
    ]
    title = f"Interest explorer: release {release.release_id[:12]}"
    sections = {
        "The data and what was built from it": show_sizes(params.clusters.serving_level),
        "The names of the interests": show_names(figures_of("clusters")),
        "The interests of the previous tree": show_changes(read_changes()),
        "The planner": show_planner(figures_of("planner")),
        "The recommender": show_recommender(figures_of("recommender")),
        "What restriction to clusters costs": show_restriction(figures_of("recommender")),
        "A simulated live experiment": show_experiment(figures_of("experiment")),
        "What it cost": show_costs(),
        "Three people, answered by the service's own code": people,
        "What next": _next_commands(config),
    }
    head = [RULE, f"{title}, version {release.version} of {RELEASE_MODEL} ({alias})", RULE]
    return "\n".join([*head, *(line for name in sections for line in _show(name, sections[name]))])


def log_report(client: MlflowClient, version: int) -> None:
    """Leave the report on a release just published, as text, in the run that registered it."""
    with ReleaseSource(tracking_uri()).fetch(version) as fetched:
        report = write_report(load_release(fetched), CHALLENGER)
    run_id = client.get_model_version(RELEASE_MODEL, str(version)).run_id
    client.log_text(run_id, report + "\n", REPORT_FILE)


def find_reported_release(source: ReleaseSource) -> tuple[LoadedRelease, str]:
    """Return the release to report on and the alias it was found by: champion, else challenger.

    Raises:
        ReleaseError: nothing has been published.
    """
    for alias in (CHAMPION, CHALLENGER):
        version = source.version_at(alias)
        if version is not None:
            with source.fetch(version) as fetched:
                return load_release(fetched), alias
    rule = "a release has been published"
    raise ReleaseError(RELEASE_MODEL, rule, "run `dvc repro`, then `explorer publish`")


def _show(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    return ["", title.upper(), "", *(f"  {line}".rstrip() for line in lines)]


def _next_commands(config: ServingConfig) -> list[str]:
    return [
        f"make serve                      the service; open http://{config.host}:{config.port}",
        f"{paths.CLUSTER_MAP}     a map of the interests, for any browser, offline",
        "dvc plots show                  training curves and comparisons, as a page",
        "make tracking-ui                runs and registered models in MLflow; promote by alias",
        "explorer promote --rollback     return to the release before",
        "dvc exp run -S dataset.source=movielens -S dataset.path=PATH",
        "                                the same on a GroupLens folder or zip; with",
        "                                dataset.source=files on logs of your own (params.yaml)",
    ]
