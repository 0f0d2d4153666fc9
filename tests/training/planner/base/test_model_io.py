"""Base models: embedded or referred to, and the ways in which one can be unfit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from expectations.contracts.errors import UserError
from tests.worlds.tiny_models import save_tiny_base
from training.planner.base.base_reference import (
    check_base_record,
    fingerprint_base,
    read_reference,
    refer_to_base,
    write_base_record,
    write_reference,
)
from training.planner.base.model_io import Planner, load_base

DESCRIPTIONS = ("jazz guitar", "slow cooking", "jazz")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_base(tmp_path_factory.mktemp("base"), "gpt2", DESCRIPTIONS)


def test_completion_tokens_do_not_depend_on_the_prompt_and_end(base: Path) -> None:
    planner = Planner(*load_base(base))
    completion = planner.encode_completion("jazz guitar")
    assert completion[-1] == planner.end_token_id
    assert planner.end_token_id not in completion[:-1]
    assert planner.decode_completion(completion[:-1]) == "jazz guitar"
    assert planner.end_token_id not in planner.encode_prompt(DESCRIPTIONS)


def test_a_chat_template_frames_the_prompt_as_the_users_turn(base: Path, tmp_path: Path) -> None:
    model, tokenizer = load_base(base)
    tokenizer.chat_template = (
        "{% for turn in messages %}[{{ turn.role }}]{{ turn.content }}{% endfor %}"
        "{% if add_generation_prompt %}[model]{% endif %}"
    )
    text = tokenizer.decode(Planner(model, tokenizer).encode_prompt(["slow cooking"]))
    assert text.startswith("[user]Interests so far:")
    assert text.endswith("Next new interest:[model]")


def test_a_reference_is_followed(base: Path, tmp_path: Path) -> None:
    write_reference(refer_to_base(str(base)), tmp_path)
    assert read_reference(tmp_path) == refer_to_base(str(base))
    model, _ = load_base(tmp_path)
    assert model.config.model_type == "gpt2"
    assert fingerprint_base(tmp_path) == fingerprint_base(base)


def test_a_changed_base_is_noticed(base: Path, tmp_path: Path) -> None:
    copy = save_tiny_base(tmp_path / "copy", "gpt2", DESCRIPTIONS)
    assert fingerprint_base(copy) == fingerprint_base(base)
    record = tmp_path / "base.json"
    write_base_record(copy, record)
    check_base_record(copy, record)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"n_head": 1}))
    with pytest.raises(UserError, match="belongs to the base model"):
        check_base_record(copy, record)


def test_a_missing_pad_token_is_made_good_and_a_missing_end_token_refused(
    base: Path, tmp_path: Path
) -> None:
    folder = save_tiny_base(tmp_path / "bare", "gpt2", DESCRIPTIONS)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    del settings["pad_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    assert AutoTokenizer.from_pretrained(folder).pad_token_id is None
    tokenizer = load_base(folder)[1]
    assert tokenizer.pad_token_id == tokenizer.eos_token_id
    del settings["eos_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(UserError, match="has an end token"):
        load_base(folder)


def test_a_folder_without_a_model_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds weights as safetensors"):
        refer_to_base(str(tmp_path))
    with pytest.raises(UserError, match="holds a model and its tokenizer"):
        load_base(tmp_path)


def test_a_name_that_is_neither_folder_nor_id_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="is a model folder or a Hugging Face id"):
        refer_to_base("./no/such/folder/at all")
