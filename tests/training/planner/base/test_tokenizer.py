"""The tokenizer is an ordinary sub-word one: no whole descriptions, any text can be written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from training.planner.base.tokenizer import END_TOKEN, train_tokenizer

DESCRIPTIONS = ("jazz", "jazz guitar", "slow cooking", "cooking")
TEXTS = ["jazz guitar and slow cooking", "cooking with jazz", " jazz", "jazz\ncooking"] * 20


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer(TEXTS, DESCRIPTIONS, vocabulary=320)


def encode(tokenizer: Any, text: str) -> list[int]:
    tokens: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return tokens


@pytest.mark.parametrize("text", [blank + text for text in DESCRIPTIONS for blank in ("", " ")])
def test_no_token_spans_a_whole_description(tokenizer: Any, text: str) -> None:
    assert len(encode(tokenizer, text)) >= 2
    spelt = {tokenizer.decode([token]).strip() for token in tokenizer.get_vocab().values()}
    assert text.strip() not in spelt


def test_frequent_words_that_name_no_cluster_keep_a_token(tokenizer: Any) -> None:
    assert len(encode(tokenizer, " guitar")) == 1


@settings(deadline=None)
@given(st.text(max_size=40).filter(lambda text: "<" not in text))
def test_any_text_can_be_written(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(encode(tokenizer, text), clean_up_tokenization_spaces=False) == text


def test_special_tokens_survive_saving(tokenizer: Any, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded.eos_token == END_TOKEN
    assert loaded.encode("jazz") == tokenizer.encode("jazz")
    assert loaded.encode("jazz")[0] == loaded.bos_token_id
    assert len({loaded.pad_token_id, loaded.bos_token_id, loaded.eos_token_id}) == 3
    assert sorted(loaded.get_vocab().values()) == list(range(len(loaded)))


def test_another_process_trains_the_same_tokenizer(tokenizer: Any, tmp_path: Path) -> None:
    program = (
        "import json, sys;"
        "from training.planner.base.tokenizer import *;"
        "texts, descriptions, folder = json.loads(sys.argv[1]);"
        "train_tokenizer(texts, descriptions, 320).save_pretrained(folder)"
    )
    tokenizer.save_pretrained(tmp_path / "here")
    arguments = json.dumps([TEXTS, DESCRIPTIONS, str(tmp_path / "there")])
    subprocess.run([sys.executable, "-c", program, arguments], check=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()
