"""The report reads well, always chooses the same people, and lives with what has not run."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest
import yaml

from expectations.contracts.errors import ReleaseError
from inference.evaluation.baseline_choice import PAIR_COUNTS, POPULARITY
from inference.evaluation.contenders import (
    AS_SERVED,
    BEST_BASELINE,
    COLLECTIVE,
    PAIR_COUNTS_ALIGNED,
    PLANNER_ALONE,
    STACK,
    STACK_WITH_PLANNER,
    UNALIGNED,
)
from inference.experiment.config import ArmName
from inference.experiment.user_outcomes import PER_USER, RATIOS
from inference.features.online_features import FeatureReader
from inference.release.loaded_release import load_release
from inference.release.registered import CHAMPION, RELEASE_MODEL
from inference.release.release_source import ReleaseSource
from inference.serving.config import ServingConfig
from pipelines.io import paths
from pipelines.io.artefact_io import write_json
from pipelines.online.feature_store import open_store
from pipelines.release.model_registry import point_alias
from pipelines.release.tracking import open_tracking, tracking_uri
from pipelines.report.release_report import find_reported_release, log_report, print_report
from pipelines.report.report_figures import (
    ARMS,
    CONTENDERS,
    OUTCOMES,
    STAGES,
    show_changes,
    show_experiment,
    show_planner,
)
from pipelines.report.report_people import choose_examples
from pipelines.report.report_recommender import (
    MODELS,
    RESTRICTIONS,
    show_recommender,
    show_restriction,
)
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import NAMES
from training.clusters.lineage.change_records import ReusedId, Survivor, TreeChanges
from training.evaluation.items import plots

REPOSITORY = Path(__file__).resolve().parents[3]
MAX_WIDTH = 100


@pytest.fixture(autouse=True)
def _first_is_champion(tree: PublishedReleases) -> None:
    point_alias(open_tracking(), CHAMPION, tree.first)


def test_the_report_is_the_same_twice_and_fits_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    print_report()
    first = capsys.readouterr().out
    print_report()
    assert capsys.readouterr().out == first
    assert max(len(line) for line in first.splitlines()) <= MAX_WIDTH
    assert NAMES[0] in first
    assert "make serve" in first
    assert "0.200 [0.150, 0.250]" in first


def test_the_examples_are_active_people_with_different_interests(tree: PublishedReleases) -> None:
    with ReleaseSource(tracking_uri()).fetch(tree.first) as fetched:
        release = load_release(fetched)
    examples = choose_examples(release, FeatureReader(open_store), ServingConfig())
    assert [example.answer.user_id for example in examples] == ["cat/with slash", "ann", "zoe"]
    newest = [example.features.history_clusters[0] for example in examples]
    assert len(set(newest)) == len(newest)


def test_without_a_release_it_says_what_to_run(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(ReleaseError, match="explorer publish"):
        find_reported_release(ReleaseSource(tracking_uri()))


def test_figures_that_are_absent_leave_no_hole() -> None:
    assert show_planner({}) == []
    assert show_planner({"n_cases": 0, "match_rate": 1.0}) != []
    assert show_recommender({}) == show_restriction({}) == []
    assert "synthetic world only" in show_experiment({"experiment_available": 0})[0]


def test_the_report_asks_for_figures_under_the_names_they_are_written_by() -> None:
    together = {COLLECTIVE, BEST_BASELINE, STACK, STACK_WITH_PLANNER}
    plans = {AS_SERVED, UNALIGNED, PLANNER_ALONE, PAIR_COUNTS, PAIR_COUNTS_ALIGNED}
    assert set(CONTENDERS) == {*plans, POPULARITY, *together}
    assert set(MODELS) == set(plots.MODELS)
    assert set(RESTRICTIONS) == set(plots.RESTRICTIONS)
    assert set(OUTCOMES) <= {*PER_USER, *RATIOS}
    assert list(ARMS) == [str(arm) for arm in ArmName]


def test_what_was_born_died_merged_or_split_off_is_counted_by_level() -> None:
    kept = [Survivor(level, nth, "gel pens", 0.1, 0.1, 0.9) for level, nth in ((0, 0), (1, 0))]
    merged = ReusedId(1, 1, "tape", 0.1, "merged", 0, "gel pens", "ink", 0.1, "born", None, None)
    died = ReusedId(1, 2, "fax", 0.1, "died", None, None, "nibs", 0.1, "split", 0, "gel pens")
    shown = show_changes(TreeChanges("ab" * 32, tuple(kept), (merged, died)))
    assert [line.split() for line in shown[1:3]] == [
        ["level", "0", "1", "0", "0", "0", "0"],
        ["level", "1", "1", "1", "1", "1", "1"],
    ]
    assert shown[-1].endswith("changes.md")
    assert show_changes(TreeChanges()) == []


def test_the_run_of_a_release_keeps_its_report(tree: PublishedReleases) -> None:
    client = open_tracking()
    log_report(client, tree.second)
    run_id = client.get_model_version(RELEASE_MODEL, str(tree.second)).run_id
    kept = mlflow.artifacts.load_text(f"runs:/{run_id}/report.txt")
    assert f"version {tree.second} of {RELEASE_MODEL} (challenger)" in kept
    assert "THREE PEOPLE, ANSWERED BY THE SERVICE'S OWN CODE" in kept


def test_the_report_tells_of_a_previous_tree(capsys: pytest.CaptureFixture[str]) -> None:
    changes = TreeChanges("ab" * 32, (Survivor(0, 0, "gel pens", 0.1, 0.1, 0.9),))
    print_report()
    assert "PREVIOUS TREE" not in capsys.readouterr().out
    before = paths.CLUSTER_CHANGES.read_bytes()
    write_json(changes.to_json(), paths.CLUSTER_CHANGES)
    try:
        print_report()
    finally:
        paths.CLUSTER_CHANGES.write_bytes(before)
    assert "THE INTERESTS OF THE PREVIOUS TREE" in capsys.readouterr().out


def test_the_best_baseline_is_named() -> None:
    flags = {"is_best_baseline_ease": 0.0, "is_best_baseline_user_neighbours": 1.0}
    assert "user neighbours" in show_planner({"n_cases": 5, **flags})[-1]


def test_every_figure_stands_beside_its_interval() -> None:
    def with_ends(name: str) -> dict[str, float]:
        return {name: 0.25, f"{name}_low": 0.2, f"{name}_high": 0.3}

    models = [with_ends(f"{name}_{m}_at_10") for name in MODELS for m in ("ndcg", "hit_rate")]
    shown = show_recommender({key: value for figures in models for key, value in figures.items()})
    assert sum(line.count("0.250 [0.200, 0.300]") for line in shown) == 2 * len(MODELS)
    measures = ("hit_rate_at_10", "ndcg_at_10")
    cells = [f"novel_{where}_{m}" for where in RESTRICTIONS for m in measures]
    cells += [f"novel_planned_over_{w}_hit_rate_at_10" for w in RESTRICTIONS if w != "planned"]
    figures = {key: value for name in cells for key, value in with_ends(name).items()}
    counts = {"n_novel_users": 9, "n_novel_cases": 12, "n_planned_clusters": 5}
    shown = show_restriction(figures | counts)
    assert sum(line.count("0.250 [0.200, 0.300]") for line in shown) == len(cells)
    assert max(map(len, shown)) <= MAX_WIDTH - 2
    outcomes = [with_ends(f"{arm}_{name}") for arm in ARMS for name in OUTCOMES]
    rivals = [arm for arm in ARMS if arm != "planner"]
    outcomes += [with_ends(f"planner_minus_{arm}_{name}") for arm in rivals for name in OUTCOMES]
    figures = {key: value for entry in outcomes for key, value in entry.items()}
    shown = show_experiment({"experiment_available": 1, "users": 50, "rounds": 10, **figures})
    assert sum(line.count("0.250 [0.200, 0.300]") for line in shown) == 2 * len(rivals)
    assert max(map(len, shown)) <= MAX_WIDTH - 2


def test_the_cost_of_no_stage_is_left_out() -> None:
    pipeline = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))
    assert (*pipeline["stages"], "publish") == STAGES
