"""How the service is set up: with or without a log of its own, with which keys, what it reports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from expectations.contracts.errors import UserError
from inference.release.plug_in import keep_ours
from inference.serving.config import ServingConfig
from pipelines.commands.app import run
from pipelines.online.live_events import open_event_log
from pipelines.online.serve import make_app
from tests.inference.serving.asked_service import CONFIG, serve, set_champion
from tests.servers import REPOSITORY, free_port
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import build_tree

OF_THE_LOG = {"/v1/events", "/v1/events/batch", "/v1/users/{user_id}/interests"}


@pytest.mark.parametrize(("event_log", "takes_events"), [("", False), ("events.db", True)])
def test_a_service_without_a_log_has_no_routes_that_need_one(
    tree: PublishedReleases, tmp_path: Path, event_log: str, takes_events: bool
) -> None:
    name = event_log and str(tree.root / event_log)
    app = make_app(ServingConfig(event_log=name), keep_ours, tmp_path)
    found = OF_THE_LOG & set(app.openapi()["paths"])
    assert found == (OF_THE_LOG if takes_events else set())
    assert (tree.root / "events.db").is_file() == takes_events


def test_commands_that_read_the_log_say_that_there_is_none() -> None:
    with pytest.raises(UserError, match=r"serving\.event_log.*empty.*where the events are taken"):
        open_event_log(ServingConfig(event_log=""))


def test_the_file_of_keys_is_told_by_a_variable(
    tree: PublishedReleases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPLORER_API_KEYS", "nowhere.yaml")
    with pytest.raises(UserError, match=r"nowhere\.yaml.*make-key"):
        run(["serve"])


def test_with_several_workers_unregistered_features_are_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them would end with it, and be started again for ever."""
    monkeypatch.chdir(build_tree(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(UserError, match=r"features are registered.*explorer publish"):
        run(["serve", "--workers", "2", "--port", str(free_port())])


@pytest.mark.parametrize(("champion", "told"), [("second", 0), ("ungated", 1)])
def test_prometheus_is_told_of_a_champion_that_is_refused(
    tree: PublishedReleases, champion: str, told: int
) -> None:
    set_champion(getattr(tree, champion))
    with serve(config=CONFIG) as client:
        assert f"explorer_problem {told}.0" in client.get("/metrics").text


def test_serving_imports_nothing_that_only_builds_need() -> None:
    """Half of the time to readiness is imports; how long they take no test can say."""
    told = "import sys, pipelines.online.serve; print(*sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", told]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    heavy = {"matplotlib", "great_expectations", "transformers", "peft", "dvc", "ray", "sklearn"}
    assert (heavy | {"scipy.optimize"}) & set(done.stdout.split()) == set()
