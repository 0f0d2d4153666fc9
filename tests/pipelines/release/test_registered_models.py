"""Registered models answer in a process that has nothing of this project but the registry."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from inference.release.registered import (
    BASE_LANGUAGE_MODEL,
    CHALLENGER,
    CHAMPION,
    PLANNER_MODEL,
    RECOMMENDER_MODEL,
    RELEASE_MODEL,
)
from inference.release.release_source import ReleaseSource
from pipelines.release.model_registry import (
    describe_model,
    members_follow,
    point_alias,
    remove_alias,
)
from pipelines.release.tracking import open_tracking, tracking_uri
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import ITEMS_EACH, N_CLUSTERS, NAMES

pytestmark = pytest.mark.usefixtures("tree")

URIS = {
    name: f"models:/{name}/1"
    for name in (BASE_LANGUAGE_MODEL, PLANNER_MODEL, RECOMMENDER_MODEL, RELEASE_MODEL)
}

LOAD_ALONE = """
import sys
from importlib.metadata import distribution, packages_distributions, PackageNotFoundError
from packaging.requirements import Requirement

def closure(names):
    seen, waiting = set(), list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            wanted = [Requirement(line) for line in distribution(name).requires or ()]
        except PackageNotFoundError:
            continue
        waiting += [w.name for w in wanted if not w.marker or w.marker.evaluate({"extra": ""})]
    return seen

allowed = closure(line.split("==")[0] for line in sys.argv[2].split())
provided = {
    module: {name.lower().replace("_", "-") for name in names}
    for module, names in packages_distributions().items()
    if "interest-explorer" not in names  # the installed tree: its finder goes, below
}

class Without:
    # What pip would not have installed is not there, nor is the project's own tree.
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in provided and provided[top].isdisjoint(allowed):
            return None
        return self.finder.find_spec(name, path, target)

sys.path = [entry for entry in sys.path if "site-packages" in entry or "python3" in entry]
sys.meta_path = [Without(f) for f in sys.meta_path if "editable" not in repr(f).lower()]
import mlflow, json
model = mlflow.pyfunc.load_model(sys.argv[1])
answer = model.predict(model.input_example)
ours = [m for name, m in sys.modules.items() if name.split(".")[0] in ("training", "expectations")]
print(json.dumps({"answer": answer, "files": sorted({m.__file__ for m in ours if m.__file__})}))
"""


@pytest.mark.parametrize("name", URIS)
def test_a_model_loads_from_the_registry_alone_and_answers_its_example(
    name: str, tmp_path: Path, tree: PublishedReleases
) -> None:
    open_tracking()
    needed = mlflow.pyfunc.get_model_dependencies(URIS[name])
    done = subprocess.run(
        [sys.executable, "-I", "-c", LOAD_ALONE, URIS[name], Path(needed).read_text()],
        cwd=tmp_path,
        env={"MLFLOW_TRACKING_URI": tracking_uri(), "PATH": "/usr/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["answer"]
    assert found["files"]
    assert all("/code/" in file for file in found["files"])


@pytest.mark.parametrize("name", URIS)
def test_a_model_says_what_it_needs_takes_and_gives(name: str) -> None:
    client = open_tracking()
    model = Model.load(URIS[name])
    assert model.signature.inputs
    assert model.signature.outputs
    assert model.load_input_example() is not None
    needed = Path(mlflow.pyfunc.get_model_dependencies(URIS[name])).read_text().split()
    assert needed
    for line in needed:  # an exact release, as any index has it: no build of one machine
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line), line
    assert client.get_registered_model(name).description
    assert client.get_model_version(name, "1").description


def test_what_a_model_does_not_know_is_an_error(tree: PublishedReleases) -> None:
    open_tracking()
    recommender = mlflow.pyfunc.load_model(URIS[RECOMMENDER_MODEL])
    assert len(recommender.predict([["i0c0"]])[0]) == min(10, N_CLUSTERS * ITEMS_EACH - 1)
    with pytest.raises(MlflowException, match=r"row 1: no item of the catalogue .*'nothing'"):
        recommender.predict([["i0c0"], ["i0c1", "nothing"]])
    with pytest.raises(MlflowException, match="row 0: empty"):
        recommender.predict([[]])
    planner = mlflow.pyfunc.load_model(URIS[PLANNER_MODEL])
    first = planner.predict([[NAMES[0], NAMES[1]]])
    assert planner.predict([[NAMES[1], NAMES[0]]]) == first  # the order carries no meaning
    with pytest.raises(MlflowException, match="described as 'no such thing'"):
        planner.predict([[NAMES[0]], ["no such thing"]])
    with pytest.raises(MlflowException, match="1 to 2 members, not 3"):
        planner.predict([list(NAMES[:3])])
    release = mlflow.pyfunc.load_model(f"models:/{RELEASE_MODEL}/{tree.first}")
    assert len(release.predict(["clusters"])[0]) == 64
    with pytest.raises(MlflowException, match="no part 'nothing'"):
        release.predict(["nothing"])


def test_planner_and_recommender_bear_the_alias_of_their_release(tree: PublishedReleases) -> None:
    client = open_tracking()
    members = (PLANNER_MODEL, RECOMMENDER_MODEL)
    for name in members:  # publish has set it
        assert client.get_model_version_by_alias(name, CHALLENGER).version == 1
    before = ReleaseSource(tracking_uri()).version_at(CHAMPION)
    try:
        point_alias(client, CHAMPION, tree.second)
        members_follow(client, CHAMPION)
        for name in members:
            assert client.get_model_version_by_alias(name, CHAMPION).version == 1
        remove_alias(client, CHAMPION)
        members_follow(client, CHAMPION)
        for name in members:
            assert CHAMPION not in client.get_registered_model(name).aliases
    finally:
        if before is not None:
            point_alias(client, CHAMPION, before)


def test_a_member_that_was_deleted_is_told_and_the_others_follow(
    tree: PublishedReleases,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    copied = shutil.copytree(tree.root, tmp_path / "copied", symlinks=True)
    monkeypatch.chdir(copied)
    client = open_tracking()
    client.delete_model_version(PLANNER_MODEL, "1")
    client.delete_registered_model_alias(RECOMMENDER_MODEL, CHALLENGER)
    members_follow(client, CHALLENGER)
    assert f"version 1 of {PLANNER_MODEL} was deleted" in caplog.text
    assert CHALLENGER not in client.get_registered_model(PLANNER_MODEL).aliases
    assert client.get_model_version_by_alias(RECOMMENDER_MODEL, CHALLENGER).version == 1


def test_a_description_that_people_wrote_stays() -> None:
    client = open_tracking()
    ours = client.get_registered_model(RELEASE_MODEL).description
    try:
        for said, kept in (
            ("ask us before you touch it", "ask us before you touch it"),
            ("", ours),
        ):
            client.update_registered_model(RELEASE_MODEL, said)
            describe_model(client, RELEASE_MODEL, ours)
            assert client.get_registered_model(RELEASE_MODEL).description == kept
    finally:
        client.update_registered_model(RELEASE_MODEL, ours)
