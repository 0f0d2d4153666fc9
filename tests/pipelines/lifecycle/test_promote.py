"""Promotion moves one alias after checks, refuses with reasons, is logged, and can be undone."""

from __future__ import annotations

import fcntl
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import PIPE

import pytest

from expectations.contracts.errors import ReleaseError, UserError
from inference.features.online_features import FeatureReader, UserFeatures
from inference.release.registered import CHALLENGER, CHAMPION, RELEASE_MODEL
from inference.release.release_source import ReleaseSource
from pipelines.io import paths
from pipelines.lifecycle.promote import Promoter
from pipelines.online.feature_store import open_store
from pipelines.params.gates import PromotionGates
from pipelines.release.model_registry import point_alias
from pipelines.release.promotion_log import Promotion, previous_champion, read_promotions
from pipelines.release.tracking import open_tracking, tracking_uri
from tests.servers import free_port
from tests.worlds.online.published import PublishedReleases

PROBES = 50
GATES = PromotionGates()
PATIENCE_SECONDS = 120.0
REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _no_champion(tree: PublishedReleases) -> None:
    if champion() is not None:
        open_tracking().delete_registered_model_alias("interest-explorer", CHAMPION)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "promotions.jsonl"


def champion() -> int | None:
    open_tracking()
    return ReleaseSource(tracking_uri()).version_at(CHAMPION)


def promote(version: int, log: Path) -> Promotion | None:
    point_alias(open_tracking(), CHALLENGER, version)
    return promoter(log).promote("ann", "a test")


def promoter(log: Path) -> Promoter:
    reader = FeatureReader(open_store)
    return Promoter(
        open_tracking(), ReleaseSource(tracking_uri()), reader, PROBES, log, PromotionGates()
    )


def test_a_promotion_is_logged_with_who_when_why_from_and_to(
    tree: PublishedReleases, log: Path
) -> None:
    promote(tree.first, log)
    promote(tree.second, log)
    assert champion() == tree.second
    first, second = read_promotions(log)
    assert (first.from_version, first.to_version) == (None, tree.first)
    assert (second.from_version, second.to_version) == (tree.first, tree.second)
    assert (second.who, second.why, second.action) == ("ann", "a test", "promote")
    assert second.when.endswith("+00:00")
    assert "plan 0.480 against the champion's 0.500" in second.notes[0]
    assert "list 0.480 against the champion's 0.500" in second.notes[1]


def test_promoting_the_champion_again_does_nothing(tree: PublishedReleases, log: Path) -> None:
    promote(tree.first, log)
    assert promote(tree.first, log) is None
    assert len(read_promotions(log)) == 1


@pytest.mark.parametrize(
    ("unfit", "reason"), [("ungated", "gate on match_rate"), ("unloaded", "table rows: 0 of")]
)
def test_an_unfit_release_is_refused_with_its_reasons(
    tree: PublishedReleases, log: Path, unfit: str, reason: str
) -> None:
    promote(tree.first, log)
    with pytest.raises(ReleaseError, match=reason):
        promote(getattr(tree, unfit), log)
    assert champion() == tree.first
    assert len(read_promotions(log)) == 1


def test_a_release_worse_beyond_the_interval_is_refused(tree: PublishedReleases, log: Path) -> None:
    promote(tree.first, log)
    with pytest.raises(ReleaseError, match="worse than the champion beyond the interval"):
        promote(tree.worse, log)
    assert champion() == tree.first


def test_a_champion_that_cannot_be_read_does_not_bar_the_way(
    tree: PublishedReleases, log: Path
) -> None:
    promote(tree.first, log)
    client = open_tracking()
    source = client.get_model_version(RELEASE_MODEL, str(tree.first)).source
    stored = client.get_logged_model(source.rsplit("/", 1)[-1])
    folder = Path(stored.artifact_location.removeprefix("file://")) / "artifacts" / "release"
    table = folder / "plan_figures.parquet"
    sound = table.read_bytes()
    try:
        table.write_bytes(b"not that table")
        promoted = promote(tree.second, log)
    finally:
        table.write_bytes(sound)
    assert promoted is not None
    assert "the champion cannot be read" in promoted.notes[0]
    assert champion() == tree.second


def test_a_registry_that_does_not_answer_is_one_line(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = ReleaseSource(f"http://127.0.0.1:{free_port()}")
    reader = FeatureReader(open_store)
    with pytest.raises(UserError, match="model registry: answers"):
        Promoter(open_tracking(), away, reader, PROBES, log, GATES).promote("ann", "a test")


def test_a_rollback_returns_to_the_champion_before_and_is_logged(
    tree: PublishedReleases, log: Path
) -> None:
    promote(tree.first, log)
    promote(tree.second, log)
    undone = promoter(log).roll_back("ben", "the second was bad")
    assert champion() == tree.first
    assert (undone.action, undone.from_version, undone.to_version) == (
        "rollback",
        tree.second,
        tree.first,
    )
    with pytest.raises(ReleaseError, match="an earlier champion is on record"):
        promoter(log).roll_back("ben", "once more")
    assert champion() == tree.first


def test_a_champion_set_by_another_tool_rolls_back_to_the_last_one_on_record(
    tree: PublishedReleases, log: Path
) -> None:
    promote(tree.first, log)
    point_alias(open_tracking(), CHAMPION, tree.ungated)
    assert promoter(log).roll_back("ben", "set by hand").to_version == tree.first


class MovedMeanwhile(FeatureReader):
    """A real reader; while it is asked for a release's rows, somebody sets the champion by hand."""

    def __init__(self, version: int) -> None:
        super().__init__(open_store)
        self._version = version

    def read_users(self, release_id: str, user_ids: Sequence[str]) -> dict[str, UserFeatures]:
        point_alias(open_tracking(), CHAMPION, self._version)
        return super().read_users(release_id, user_ids)


def test_a_champion_that_moved_during_the_checks_is_left_alone(
    tree: PublishedReleases, log: Path
) -> None:
    promote(tree.first, log)
    promote(tree.second, log)
    reader = MovedMeanwhile(tree.worse)
    late = Promoter(
        open_tracking(), ReleaseSource(tracking_uri()), reader, PROBES, log, PromotionGates()
    )
    moved = rf"was version {tree.second}, is version {tree.worse}.*run the command again"
    with pytest.raises(ReleaseError, match=moved):
        late.roll_back("ann", "too late")
    point_alias(open_tracking(), CHAMPION, tree.first)
    with pytest.raises(ReleaseError, match=f"was version {tree.first}, is version {tree.worse}"):
        late.promote("ann", "too late")
    assert champion() == tree.worse
    assert len(read_promotions(log)) == 2


def test_a_promotion_waits_for_the_one_under_way(tree: PublishedReleases, log: Path) -> None:
    promote(tree.first, log)
    point_alias(open_tracking(), CHALLENGER, tree.second)
    with ThreadPoolExecutor(1) as pool:
        with log.with_suffix(".lock").open("ab") as under_way:
            fcntl.flock(under_way, fcntl.LOCK_EX)
            waiting = pool.submit(promoter(log).promote, "ben", "at the same time")
            wait_for_waiters(log.with_suffix(".lock"), 1)
            assert champion() == tree.first
        assert waiting.result(timeout=60) is not None
    assert champion() == tree.second


@pytest.mark.long
def test_of_two_commands_at_once_one_moves_the_champion(tree: PublishedReleases) -> None:
    """Both see the third champion; were both to roll back, the first would be champion."""
    log = paths.PROMOTION_LOG
    for version in (tree.first, tree.second, tree.first):
        promote(version, log)
    environment = {"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pipelines.commands", "promote", "--rollback", "--who", "ann"]
    with log.with_suffix(".lock").open("ab") as under_way:
        fcntl.flock(under_way, fcntl.LOCK_EX)
        both = [
            subprocess.Popen(
                command, cwd=tree.root, env=environment, stdout=PIPE, stderr=PIPE, text=True
            )
            for _ in range(2)
        ]
        wait_for_waiters(log.with_suffix(".lock"), 2)
    said = [process.communicate(timeout=PATIENCE_SECONDS) for process in both]
    try:
        assert sorted(process.returncode for process in both) == [0, 2], said
        (refusal,) = [err for _, err in said if "Traceback" not in err and "champion stays" in err]
        assert f"was version {tree.first}, is version {tree.second}" in refusal
        assert champion() == tree.second
        assert [move.action for move in read_promotions(log)] == ["promote"] * 3 + ["rollback"]
    finally:
        log.unlink()


def wait_for_waiters(file: Path, count: int) -> None:
    """Return when so many wait for the lock of this file, as the kernel lists them."""
    waits = re.compile(rf" -> FLOCK .*:{file.stat().st_ino} ")
    end = time.monotonic() + PATIENCE_SECONDS
    while len(waits.findall(Path("/proc/locks").read_text())) < count:
        assert time.monotonic() < end, "nobody waits"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("moves", "current", "expected"),
    [
        ([], 1, None),
        ([("promote", None, 1)], 1, None),
        ([("promote", None, 1)], 7, 1),
        ([("promote", None, 1), ("promote", 1, 2), ("promote", 2, 3)], 3, 2),
        ([("promote", None, 1), ("promote", 1, 2), ("promote", 2, 3), ("rollback", 3, 2)], 2, 1),
        ([("promote", None, 1), ("promote", 5, 2)], 2, 5),
    ],
)
def test_rollbacks_go_back_one_champion_at_a_time(
    moves: list[tuple[str, int | None, int]], current: int, expected: int | None
) -> None:
    promotions = [
        Promotion(action, "", "", "", before, after, "", ())  # type: ignore[arg-type]
        for action, before, after in moves
    ]
    assert previous_champion(promotions, current) == expected


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
    assert not paths.PROMOTION_LOG.exists()
