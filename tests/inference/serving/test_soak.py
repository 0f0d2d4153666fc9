"""Fifty readers while releases are promoted, rolled back, loaded, and loaders and stores die."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml

from expectations.contracts.values import all_contexts
from inference.features.online_features import FeatureReader
from inference.release.loaded_release import load_release
from inference.release.manifest import ReleaseManifest
from inference.release.registered import CHALLENGER
from inference.release.release_source import ReleaseSource
from inference.serving.config import ServingConfig
from inference.serving.recommend import make_recommendations
from inference.serving.request import RecommendationRequest
from inference.store.store_connections import StoreUnreachableError
from pipelines.io import paths
from pipelines.lifecycle.promote import Promoter
from pipelines.lifecycle.publish import publish
from pipelines.online.feature_store import open_store
from pipelines.params.gates import PromotionGates
from pipelines.release.model_registry import find_release, point_alias
from pipelines.release.promotion import Promotion
from pipelines.release.promotion_history import PromotionHistory
from pipelines.release.tracking import open_tracking, tracking_uri
from tests.inference.serving.readers import SEED, Heard, Readers, get_json
from tests.servers import LastingRedis, free_port, postgres_server, recommendation_service
from tests.worlds.online.serving import N_CLUSTERS, REPOSITORY, build_tree
from tests.worlds.online.telling_releases import ASKED, write_telling_release

pytestmark = pytest.mark.long

N_READERS = 50
SOAK_SECONDS = 120.0
MOVES = 20
N_OTHERS = 20_000  # four batches of each view: time to kill a load between two of them
PATIENCE_SECONDS = 300.0
RECOVERY_SECONDS = 2.0
ANSWER_SECONDS = 6.5  # the client's own retries would take seven, one request after another
SERVICE_LOG = "service.log"
NO_SETTINGS: Mapping[str, object] = {}
PATIENT: Mapping[str, object] = {"store_seconds": 5.0}
"""A store that pauses on a busy machine is waited for: here answers matter, not their time."""
PRODUCTION = paths.FEATURE_REPO / "feature_store.production.yaml"


@dataclass(frozen=True)
class Site:
    """A working tree in which two releases are published and served, the first as champion."""

    root: Path
    port: int
    first: ReleaseManifest
    second: ReleaseManifest
    redis: LastingRedis | None
    service: subprocess.Popen[bytes]


@contextmanager
def site(
    store: str, folder: Path, n_others: int, settings: Mapping[str, object] = NO_SETTINGS
) -> Iterator[Site]:
    """Build it on ``sqlite`` or ``redis``; the service runs in a process of its own.

    ``settings`` are those of the service that differ.
    """
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        root, port = build_tree(folder / "tree"), free_port()
        params = yaml.safe_load((root / "params.yaml").read_text())
        params["serving"] |= {
            "port": port,
            "poll_seconds": 0.2,
            "exploration": {"remembered_users": 0},
            **settings,
        }
        (root / "params.yaml").write_text(yaml.safe_dump(params))
        (root / ".dvc").mkdir()  # publishing asks DVC whether there is a remote: there is none
        (root / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
        redis = None
        if store == "redis":
            redis = LastingRedis(folder)
            redis.start()
            stack.callback(redis.stop)
            shutil.copyfile(REPOSITORY / PRODUCTION, root / PRODUCTION)
            patch.setenv("FEAST_REDIS", redis.address)
            patch.setenv("FEAST_REGISTRY", stack.enter_context(postgres_server(folder)))
            patch.setenv("FEAST_FS_YAML_FILE_PATH", str(PRODUCTION))
        stack.enter_context(chdir(root))
        published = []
        for k in (0, 1):
            published.append(write_telling_release(root, k, n_others))
            publish(open_store(), open_tracking(), published[-1])
        promote(published[0])
        service = recommendation_service(root, port, folder / SERVICE_LOG)
        process = stack.enter_context(service)
        wait_until(lambda: get_json(port, "/readyz")["ready"])
        yield Site(root, port, published[0], published[1], redis, process)


def promoter() -> Promoter:
    source, reader = ReleaseSource(tracking_uri()), FeatureReader(open_store)
    return Promoter(open_tracking(), source, reader, 50, paths.PROMOTIONS, PromotionGates())


def promote(manifest: ReleaseManifest) -> Promotion:
    """Promote this release, as the command does."""
    client = open_tracking()
    version = find_release(client, manifest.release_id)
    assert version is not None
    point_alias(client, CHALLENGER, int(version.version))
    promoted = promoter().promote("ann", "soak")
    assert promoted is not None
    return promoted


def is_served(port: int, version: int) -> bool:
    """Whether the service answers from this version."""
    return bool(get_json(port, "/readyz")["version"] == version)


def wait_until(holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)


def expected_answers(manifests: Sequence[ReleaseManifest]) -> dict[tuple[str, str], object]:
    """What each release answers each user, computed here, from that release alone."""
    client, source, reader = (
        open_tracking(),
        ReleaseSource(tracking_uri()),
        FeatureReader(open_store),
    )
    config = ServingConfig(planned_clusters=2)
    answers: dict[tuple[str, str], object] = {}
    for manifest in manifests:
        version = find_release(client, manifest.release_id)
        assert version is not None
        with source.fetch(int(version.version)) as fetched:
            release = load_release(fetched)
        for user in ASKED:
            request = RecommendationRequest(
                user, config.count, config.exploration_share, 2, seed=SEED
            )
            answer = make_recommendations(release, reader, request)
            answers[manifest.release_id, user] = json.loads(json.dumps(asdict(answer)))
    return answers


def check_answers(heard: Heard, expected: dict[tuple[str, str], object]) -> None:
    """Every answer is, to the letter, that of the one release it names."""
    assert heard.failures == []
    mixed = [
        text
        for place, texts in heard.bodies.items()
        for text in texts
        if json.loads(text) != expected[place]
    ]
    assert mixed == []


def check_releases_tell(expected: dict[tuple[str, str], object]) -> None:
    """No two releases agree in any part of an answer: else a mixture could pass unseen."""
    for user in ASKED:
        answers = [answer for (_, asked), answer in expected.items() if asked == user]
        for part in ("history", "planned"):
            ids = [json.dumps([c["cluster_id"] for c in a[part]]) for a in answers]  # type: ignore[index]
            assert len(set(ids)) == len(answers), (user, part)
        titles = [{item["title"][:9] for item in a["items"]} for a in answers]  # type: ignore[index]
        assert len(set.union(*titles)) == len(answers), user


def start_loader(root: Path) -> subprocess.Popen[bytes]:
    """Publish what the tree holds, in a process of its own, as people do."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.commands", "publish"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def load_with_a_kill_between(root: Path, manifest: ReleaseManifest) -> None:
    """Publish what the tree holds; kill the first try in its middle, let the second complete."""
    kill_in_mid_load(root, manifest)
    again = start_loader(root)
    output, _ = again.communicate(timeout=PATIENCE_SECONDS)
    assert again.returncode == 0, output.decode()[-2000:]


def kill_in_mid_load(root: Path, manifest: ReleaseManifest) -> None:
    """Start a load and kill it, unasked, when some of its rows are there and others are not."""
    reader = FeatureReader(open_store)
    loader = start_loader(root)
    while not _some_rows(reader, manifest):
        assert loader.poll() is None, "the load had ended before it could be killed"
        time.sleep(0.02)
    os.kill(loader.pid, signal.SIGKILL)
    loader.wait()
    last = list(all_contexts(N_CLUSTERS))[-1]
    assert not reader.fetch_rows(manifest.release_id, [last])


def _some_rows(reader: FeatureReader, manifest: ReleaseManifest) -> bool:
    try:
        return bool(reader.read_users(manifest.release_id, ASKED[:1]))
    except StoreUnreachableError:
        return False


def describe(name: str, heard: Heard) -> None:
    """Print the figures that docs/research/serving.md quotes; shown with ``pytest -s``."""
    middle, most = np.quantile(heard.seconds, [0.5, 0.99])
    print(
        f"\n{name}: {len(heard.seconds)} requests, {len(heard.failures)} failed, "
        f"paths {dict(heard.paths)}, median {middle * 1000:.0f} ms, p99 {most * 1000:.0f} ms, "
        f"longest {max(heard.seconds) * 1000:.0f} ms"
    )


@pytest.mark.parametrize("store", ["sqlite", "redis"])
def test_no_request_fails_or_mixes_while_releases_move_and_loaders_die(
    store: str, tmp_path: Path
) -> None:
    with site(store, tmp_path, N_OTHERS, PATIENT) as here:
        third = write_telling_release(here.root, 2, N_OTHERS)
        with Readers(here.port, ASKED, N_READERS) as readers, ThreadPoolExecutor(1) as pool:
            started = time.monotonic()
            loading = pool.submit(load_with_a_kill_between, here.root, third)
            for move in range(MOVES):
                if loading.done() or move == MOVES - 2:
                    loading.result(timeout=PATIENCE_SECONDS)  # raises what went wrong
                if move % 2 == 0:
                    moved = promote(third if loading.done() else here.second)
                else:
                    moved = promoter().roll_back("ann", "soak")
                wait_until(lambda v=moved.to_version: is_served(here.port, v))
                due = started + (move + 1) * SOAK_SECONDS / MOVES
                time.sleep(max(0.0, due - time.monotonic()))
        heard = readers.heard
        describe(store, heard)
        expected = expected_answers([here.first, here.second, third])
        check_releases_tell(expected)
        check_answers(heard, expected)
        assert set(heard.paths) == {"full"}
        assert {release for release, _ in heard.bodies} == {r for r, _ in expected}
        moves = PromotionHistory(open_tracking()).read(None)[1:]
        assert [move.action for move in moves] == ["promote", "rollback"] * (MOVES // 2)
        swaps = (tmp_path / SERVICE_LOG).read_text().count("serving version")
        assert swaps == 1 + MOVES, "the service followed every move"


def test_answers_fall_back_while_redis_is_away_and_recover_within_two_seconds(
    tmp_path: Path,
) -> None:
    with site("redis", tmp_path, n_others=10) as here:
        redis = here.redis
        assert redis is not None
        with Readers(here.port, ASKED, N_READERS) as readers:
            time.sleep(5)
            redis.stop()
            stopped = time.monotonic()
            time.sleep(5)
            redis.start()
            returned = time.monotonic()
            time.sleep(5)
        heard = readers.heard
        describe("redis stopped and started", heard)
        assert heard.failures == []
        assert set(heard.paths) == {"full", "store_unreachable"}
        assert max(heard.seconds) < ANSWER_SECONDS
        late = [when for when, _, path in heard.moments if path != "full" and when > returned]
        print(f"last fallback {max(late, default=returned) - returned:.2f} s after its return")
        assert max(late, default=returned) - returned < RECOVERY_SECONDS
        away = [path for when, _, path in heard.moments if stopped + 1 < when < returned - 0.5]
        assert set(away) == {"store_unreachable"}
