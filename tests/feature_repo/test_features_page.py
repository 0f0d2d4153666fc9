"""The guide's page for other languages, run line by line: curl against real servers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest

from inference.release.manifest import read_manifest
from inference.release.registered import CHAMPION
from pipelines.io import paths
from pipelines.release.model_registry import point_alias
from pipelines.release.tracking import open_tracking, tracking_uri
from tests.conftest import require_program
from tests.servers import free_port
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import REPOSITORY

pytestmark = pytest.mark.long

PAGE = REPOSITORY / "docs" / "guide" / "features.md"
START_SECONDS = 120
FEAST, MLFLOW = (str(Path(sys.executable).with_name(name)) for name in ("feast", "mlflow"))


class Server:
    """A process that is asked for its health until it is well; several start side by side."""

    def __init__(self, command: list[str], health: str, log: Path) -> None:
        self._health, self._log = health, log
        environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)

    def wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while not _answers(self._health):
            assert self._process.poll() is None, self._log.read_text()[-2000:]
            assert time.monotonic() < end, self._log.read_text()[-2000:]
            time.sleep(0.2)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)


def test_every_line_of_the_page_works(tree: PublishedReleases, tmp_path: Path) -> None:
    require_program(shutil.which("curl"), "curl")
    require_program(shutil.which("jq"), "jq")
    point_alias(open_tracking(), CHAMPION, tree.worse)
    service, feast, mlflow = free_port(), free_port(), free_port()
    shown = re.findall(r"```bash\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    blocks = [block for block in shown if "curl" in block]  # the other starts Feast
    assert len(blocks) == 2
    script = "".join(["set -euo pipefail\n", *blocks])
    for written, used in ((8000, service), (6566, feast), (5000, mlflow)):
        assert f"127.0.0.1:{written}\n" in script
        script = script.replace(f"127.0.0.1:{written}\n", f"127.0.0.1:{used}\n")
    serve = [sys.executable, "-m", "pipelines.commands", "serve", "--port", str(service)]
    serve_feast = [FEAST, "-c", "feature_repo", "serve", "--port", str(feast)]
    options = ("--backend-store-uri", tracking_uri(), "--port", str(mlflow), "--workers", "1")
    serve_registry = [MLFLOW, "server", *options]
    with ExitStack() as servers:
        wells = {
            service: (serve, "readyz"),
            feast: (serve_feast, "health"),
            mlflow: (serve_registry, "health"),
        }
        started = [
            Server(command, f"http://127.0.0.1:{port}/{health}", tmp_path / f"{port}.log")
            for port, (command, health) in wells.items()
        ]
        for server in started:
            servers.callback(server.stop)
        for server in started:
            server.wait()
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        wrong = f"http://127.0.0.1:{feast}/get-online-features"
        body = {
            "feature_service": "planned_clusters",
            "entities": {"release_id": ["0" * 64], "context_key": ["0"]},
        }
        refused = _status(wrong, body)
    assert refused == 404
    features, novel, answer, user, row = _documents(done.stdout)
    release_id = read_manifest(paths.RELEASE).release_id
    assert features["release_id"] == release_id
    assert [cluster["cluster_id"] for cluster in features["history"]] == [1, 0]
    assert [cluster["cluster_id"] for cluster in novel] == [2, 3, 4]
    assert len(answer["items"]) == 5
    assert [1, 0] in [column["values"][0] for column in user]  # the history, once more
    assert [2, 3, 4, 5] in [column["values"][0] for column in row]  # of the context 1_0


def _documents(text: str) -> list[dict[str, list[dict[str, object]]]]:
    decoder, found, start = json.JSONDecoder(), [], 0
    while start < len(text):
        document, start = decoder.raw_decode(text, start)
        found.append(document)
        start += len(text[start:]) - len(text[start:].lstrip())
    return found


def _status(address: str, body: dict[str, object]) -> int:
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False
