"""Promotion moves one alias after checks, refuses with reasons, is logged, and can be undone."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from expectations.contracts.errors import ReleaseError, UserError
from inference.features.online_features import FeatureReader, UserFeatures
from inference.release.registered import (
    CHALLENGER,
    CHAMPION,
    HISTORY_MODEL,
    PREVIOUS,
    RELEASE_MODEL,
)
from inference.release.release_source import ReleaseSource
from pipelines.commands import app
from pipelines.lifecycle.promote import Promoter, describe_move
from pipelines.online.feature_store import open_store
from pipelines.params.gates import PromotionGates
from pipelines.release.model_registry import point_alias, remove_alias
from pipelines.release.promotion import Promotion, previous_champion
from pipelines.release.promotion_history import PromotionHistory
from pipelines.release.tracking import open_tracking, tracking_uri
from tests.servers import free_port
from tests.worlds.online.published import PublishedReleases

PROBES = 50
GATES = PromotionGates()
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _no_champion(tree: PublishedReleases) -> None:
    client = open_tracking()
    for alias in (CHAMPION, PREVIOUS):
        remove_alias(client, alias)
    for model in client.search_registered_models(f"name = '{HISTORY_MODEL}'"):
        client.delete_registered_model(model.name)


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    return tmp_path / "promotions"


def champion(alias: str = CHAMPION) -> int | None:
    open_tracking()
    return ReleaseSource(tracking_uri()).version_at(alias)


def history() -> list[Promotion]:
    return PromotionHistory(open_tracking()).read(champion())


def promote(version: int, copies: Path) -> Promotion | None:
    point_alias(open_tracking(), CHALLENGER, version)
    return promoter(copies).promote("ann", "a test")


def promoter(copies: Path, reader: FeatureReader | None = None) -> Promoter:
    reader = reader or FeatureReader(open_store)
    source = ReleaseSource(tracking_uri())
    return Promoter(open_tracking(), source, reader, PROBES, copies, PromotionGates())


def test_a_promotion_is_logged_with_who_when_why_from_and_to(
    tree: PublishedReleases, copies: Path
) -> None:
    promote(tree.first, copies)
    promote(tree.second, copies)
    assert champion() == tree.second
    first, second = history()
    assert (first.from_version, first.to_version) == (None, tree.first)
    assert (second.from_version, second.to_version) == (tree.first, tree.second)
    assert (second.who, second.why, second.action) == ("ann", "a test", "promote")
    assert second.when.endswith("+00:00")
    assert "plan 0.480 against the champion's 0.500" in second.notes[0]
    assert "list 0.480 against the champion's 0.500" in second.notes[1]


def test_promoting_the_champion_again_does_nothing(tree: PublishedReleases, copies: Path) -> None:
    promote(tree.first, copies)
    assert promote(tree.first, copies) is None
    assert len(history()) == 1


@pytest.mark.parametrize(
    ("unfit", "reason"), [("ungated", "gate on match_rate"), ("unloaded", "table rows: 0 of")]
)
def test_an_unfit_release_is_refused_with_its_reasons(
    tree: PublishedReleases, copies: Path, unfit: str, reason: str
) -> None:
    promote(tree.first, copies)
    with pytest.raises(ReleaseError, match=reason):
        promote(getattr(tree, unfit), copies)
    assert champion() == tree.first
    assert len(history()) == 1


def test_a_release_worse_beyond_the_interval_is_refused(
    tree: PublishedReleases, copies: Path
) -> None:
    promote(tree.first, copies)
    with pytest.raises(ReleaseError, match="worse than the champion beyond the interval"):
        promote(tree.worse, copies)
    assert champion() == tree.first


def test_a_comparison_can_be_overridden_with_a_reason_that_the_registry_keeps(
    tree: PublishedReleases, copies: Path
) -> None:
    promote(tree.first, copies)
    point_alias(open_tracking(), CHALLENGER, tree.worse)
    moved = promoter(copies).promote("ann", "a new catalogue", override=True)
    assert champion() == tree.worse
    assert moved is not None
    assert "overridden: worse than the champion" in describe_move(moved)
    kept = history()[-1]
    assert kept.why == "a new catalogue"
    assert "worse than the champion beyond the interval: recall@10" in kept.overridden[0]
    assert len(kept.overridden) == 2, "plan and list"


@pytest.mark.parametrize("unfit", ["ungated", "unloaded"])
def test_what_no_service_would_load_cannot_be_overridden(
    tree: PublishedReleases, copies: Path, unfit: str
) -> None:
    point_alias(open_tracking(), CHALLENGER, getattr(tree, unfit))
    with pytest.raises(ReleaseError, match="is refused as champion"):
        promoter(copies).promote("ann", "I insist", override=True)
    assert champion() is None


@pytest.mark.parametrize(
    "typed", [["--override"], ["--override", "--why", " "], ["--override", "--rollback"]]
)
def test_an_override_needs_its_reason(typed: list[str]) -> None:
    with pytest.raises(UserError, match="--override: overrides a promotion's comparison"):
        app.run(["promote", *typed])


def test_a_champion_that_cannot_be_read_does_not_bar_the_way(
    tree: PublishedReleases, copies: Path
) -> None:
    promote(tree.first, copies)
    client = open_tracking()
    source = client.get_model_version(RELEASE_MODEL, str(tree.first)).source
    stored = client.get_logged_model(source.rsplit("/", 1)[-1])
    folder = Path(stored.artifact_location.removeprefix("file://")) / "artifacts" / "release"
    table = folder / "plan_figures.parquet"
    sound = table.read_bytes()
    try:
        table.write_bytes(b"not that table")
        promoted = promote(tree.second, copies)
    finally:
        table.write_bytes(sound)
    assert promoted is not None
    assert "the champion cannot be read" in promoted.notes[0]
    assert champion() == tree.second


def test_a_registry_that_does_not_answer_is_one_line(
    copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = ReleaseSource(f"http://127.0.0.1:{free_port()}")
    reader = FeatureReader(open_store)
    with pytest.raises(UserError, match="model registry: answers"):
        Promoter(open_tracking(), away, reader, PROBES, copies, GATES).promote("ann", "a test")


def test_a_rollback_returns_to_the_champion_before_and_is_logged(
    tree: PublishedReleases, copies: Path
) -> None:
    promote(tree.first, copies)
    promote(tree.second, copies)
    undone = promoter(copies).roll_back("ben", "the second was bad")
    assert champion() == tree.first
    assert (undone.action, undone.from_version, undone.to_version) == (
        "rollback",
        tree.second,
        tree.first,
    )
    with pytest.raises(ReleaseError, match="the registry knows an earlier champion"):
        promoter(copies).roll_back("ben", "once more")
    assert champion() == tree.first


def test_a_champion_set_by_another_tool_rolls_back_to_the_last_one_on_record(
    tree: PublishedReleases, copies: Path
) -> None:
    promote(tree.first, copies)
    point_alias(open_tracking(), CHAMPION, tree.ungated)
    assert promoter(copies).roll_back("ben", "set by hand").to_version == tree.first


class Meanwhile(FeatureReader):
    """A real reader; while it is asked for a release's rows, somebody else does something, once."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__(open_store)
        self._acts = [act]

    def read_users(self, release_id: str, user_ids: Sequence[str]) -> dict[str, UserFeatures]:
        for act in self._acts[:1]:
            self._acts.clear()
            act()
        return super().read_users(release_id, user_ids)


def test_a_champion_that_moved_during_the_checks_is_left_alone(
    tree: PublishedReleases, copies: Path
) -> None:
    promote(tree.first, copies)
    promote(tree.second, copies)

    def by_hand() -> None:
        point_alias(open_tracking(), CHAMPION, tree.worse)

    moved = rf"was version {tree.second}, is version {tree.worse}.*run the command again"
    with pytest.raises(ReleaseError, match=moved):
        promoter(copies, Meanwhile(by_hand)).roll_back("ann", "too late")
    point_alias(open_tracking(), CHAMPION, tree.first)
    with pytest.raises(ReleaseError, match=f"was version {tree.first}, is version {tree.worse}"):
        promoter(copies, Meanwhile(by_hand)).promote("ann", "too late")
    assert champion() == tree.worse
    assert len(history()) == 2


def test_a_move_to_and_fro_during_the_checks_is_noticed(
    tree: PublishedReleases, copies: Path
) -> None:
    """The alias is where it was when the checks began, and yet not the same champion's."""
    promote(tree.first, copies)

    def to_and_fro() -> None:
        promote(tree.second, copies)
        promoter(copies).roll_back("ben", "meanwhile")

    point_alias(open_tracking(), CHALLENGER, tree.second)
    with pytest.raises(ReleaseError, match="another move was entered meanwhile") as caught:
        promoter(copies, Meanwhile(to_and_fro)).promote("ann", "too late")
    assert "\n" not in str(caught.value)
    assert champion() == tree.first
    assert [(move.action, move.who) for move in history()] == [
        ("promote", "ann"),
        ("promote", "ann"),
        ("rollback", "ben"),
    ]
    assert promote(tree.second, copies) is not None, "the entry that came to nothing bars no way"


def entered(version: int, process: str) -> None:
    """Leave the entry of a move that was not made, as a process that died would."""
    client = PromotionHistory(open_tracking())
    promotion = Promotion("promote", "", "ben", "", champion(), version, "r", ())
    client.enter(promotion, client.take_turn(champion()))
    (newest, *_) = open_tracking().search_model_versions(
        f"name = '{HISTORY_MODEL}'", order_by=["version_number DESC"]
    )
    open_tracking().set_model_version_tag(HISTORY_MODEL, newest.version, "process", process)


def test_a_move_that_broke_off_before_the_alias_counts_for_nothing(
    tree: PublishedReleases, copies: Path
) -> None:
    promote(tree.first, copies)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    entered(tree.worse, f"{socket.gethostname()}:{gone.pid}")
    assert [move.to_version for move in history()] == [tree.first]
    assert promote(tree.second, copies) is not None
    assert [move.to_version for move in history()] == [tree.first, tree.second]
    assert promoter(copies).roll_back("ben", "").to_version == tree.first


def test_a_move_that_broke_off_after_the_alias_counts(
    tree: PublishedReleases, copies: Path
) -> None:
    promote(tree.first, copies)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    entered(tree.second, f"{socket.gethostname()}:{gone.pid}")
    point_alias(open_tracking(), CHAMPION, tree.second)
    assert [move.to_version for move in history()] == [tree.first, tree.second]
    assert promoter(copies).roll_back("ben", "").to_version == tree.first


def test_a_move_that_is_under_way_elsewhere_is_waited_for(
    tree: PublishedReleases, copies: Path
) -> None:
    promote(tree.first, copies)
    entered(tree.worse, "another-machine:1")
    with pytest.raises(ReleaseError, match=r"one move .* at a time .*ben moves it to version"):
        promote(tree.second, copies)
    assert champion() == tree.first


def test_history_is_whole_without_any_file_and_its_copy_names_the_registry(
    tree: PublishedReleases, copies: Path
) -> None:
    promote(tree.first, copies)
    promote(tree.second, copies)
    assert champion(PREVIOUS) == tree.first
    (copy,) = copies.iterdir()
    identity = PromotionHistory(open_tracking()).identity()
    assert copy.name == f"{identity}.jsonl"
    lines = [json.loads(line) for line in copy.read_text().splitlines()]
    assert [line["to_version"] for line in lines] == [tree.first, tree.second]
    assert {(line["registry"], line["schema"]) for line in lines} == {(identity, 2)}
    copy.write_text("nobody reads this")
    assert promoter(copies).roll_back("ben", "").to_version == tree.first
    assert champion(PREVIOUS) is None
    assert len(copy.read_text().splitlines()) == 3


def test_a_copy_that_cannot_be_written_does_not_undo_the_move(
    tree: PublishedReleases, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    assert promote(tree.first, tmp_path / "file" / "below") is not None
    assert champion() == tree.first
    assert "the history was not copied" in caplog.text


@pytest.mark.parametrize(
    ("moves", "current", "expected"),
    [
        ([], 1, None),
        ([("promote", None, 1)], 1, None),
        ([("promote", None, 1)], 7, 1),
        ([("promote", None, 1), ("promote", 1, 2), ("promote", 2, 3)], 3, 2),
        ([("promote", None, 1), ("promote", 1, 2), ("promote", 2, 3), ("rollback", 3, 2)], 2, 1),
        ([("promote", None, 1), ("promote", 5, 2)], 2, 5),
        ([("promote", None, 1), ("promote", 1, 9), ("promote", 9, 3)], 3, 1),  # 9 is gone
    ],
)
def test_rollbacks_go_back_one_champion_at_a_time(
    moves: list[tuple[str, int | None, int]], current: int, expected: int | None
) -> None:
    promotions = [
        Promotion(action, "", "", "", before, after, "", ())  # type: ignore[arg-type]
        for action, before, after in moves
    ]
    assert previous_champion(promotions, current, range(1, 9)) == expected


@pytest.mark.long
def test_the_command_ends_with_one_line_and_status_2_when_it_refuses(
    tree: PublishedReleases,
) -> None:
    point_alias(open_tracking(), CHALLENGER, tree.ungated)
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.commands", "promote"],
        cwd=tree.root,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "match_rate" in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert history() == []
