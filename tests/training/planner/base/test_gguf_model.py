"""A GGUF file becomes a model folder like any other, or one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from expectations.contracts.content_hash import hash_content
from expectations.contracts.errors import UserError
from tests.worlds.tiny_gguf import write_gguf
from tests.worlds.tiny_models import save_tiny_base
from training.planner.base import gguf_model
from training.planner.base.base_reference import fingerprint_folder
from training.planner.base.gguf_model import SOURCE_FILE, convert_gguf, is_gguf
from training.planner.base.model_io import Planner, load_base

DESCRIPTIONS = ("jazz guitar", "slow cooking", "jazz")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_base(tmp_path_factory.mktemp("original"), "llama", DESCRIPTIONS)


@pytest.fixture(scope="module")
def gguf_file(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(original, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


def converted(file: Path, folder: Path) -> Path:
    folder.mkdir()
    convert_gguf(file, folder)
    return folder


def test_weights_and_tokens_are_those_that_were_written(
    original: Path, gguf_file: Path, tmp_path: Path
) -> None:
    before = Planner(*load_base(original))
    after = Planner(*load_base(converted(gguf_file, tmp_path / "model")))
    assert after.encode_completion("jazz guitar") == before.encode_completion("jazz guitar")
    weights = after.model.state_dict()
    assert weights.keys() == before.model.state_dict().keys()
    for name, weight in before.model.state_dict().items():
        assert torch.equal(weights[name], weight), name
    row = torch.tensor([before.encode_prompt(DESCRIPTIONS[:2])])
    with torch.no_grad():
        expected, found = before.model(row).logits, after.model(row).logits
    assert torch.allclose(found, expected, atol=1e-5)


def test_the_folder_is_the_same_again_and_names_the_file_it_is_from(
    gguf_file: Path, tmp_path: Path
) -> None:
    first, again = (converted(gguf_file, tmp_path / name) for name in ("first", "again"))
    assert hash_content(first) == hash_content(again)
    assert fingerprint_folder(first) == fingerprint_folder(again)
    source = json.loads((first / SOURCE_FILE).read_text())
    assert source == {"name": "tiny.gguf", "sha256": hash_content(gguf_file).sha256}
    assert "quantization_config" not in json.loads((first / "config.json").read_text())


@pytest.mark.parametrize("kept", [0, 3, 2000, 20_000], ids=str)
def test_a_file_that_was_cut_short_is_one_clear_line(
    gguf_file: Path, tmp_path: Path, kept: int
) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(gguf_file.read_bytes()[:kept])
    with pytest.raises(UserError, match=r"cut\.gguf: is a whole GGUF file"):
        converted(cut, tmp_path / "model")
    assert list((tmp_path / "model").iterdir()) == []


def test_bytes_of_something_else_are_one_clear_line(tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"PK\x03\x04 not a model" * 100)
    with pytest.raises(UserError, match="is a whole GGUF file"):
        converted(other, tmp_path / "model")


def test_a_file_that_is_not_there_and_a_missing_package_say_what_to_do(
    gguf_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="the GGUF file exists"):
        converted(tmp_path / "absent.gguf", tmp_path / "model")
    monkeypatch.setattr(gguf_model, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"the package gguf.*\[gguf\]"):
        converted(gguf_file, tmp_path / "other")


@pytest.mark.parametrize(
    ("setting", "expected"), [("a/b.gguf", True), ("B.GGUF", True), ("gguf", False), ("a/b", False)]
)
def test_a_gguf_file_is_known_by_its_suffix(setting: str, expected: bool) -> None:
    assert is_gguf(setting) is expected
