"""Turns a GGUF file into a model folder: its weights in float32, as any other base model's."""

from __future__ import annotations

import copy
import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from expectations.contracts.content_hash import hash_content
from expectations.contracts.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SUFFIX = ".gguf"
SOURCE_FILE = "source.json"


def is_gguf(base_model: str) -> bool:
    """Return whether a setting names a GGUF file, by its suffix."""
    return base_model.lower().endswith(SUFFIX)


def convert_gguf(file: Path, folder: Path) -> None:
    """Write the model and the tokenizer of a GGUF file into ``folder``, and the file's hash.

    Weights in fewer bits become float32. The folder depends on the file's bytes alone and does
    without it.

    Args:
        file: of an architecture that transformers reads.
        folder: an empty one.

    Raises:
        UserError: the file is absent or no readable GGUF, or the extra ``gguf`` is not installed.
    """
    if find_spec("gguf") is None:
        remedy = "pip install -c constraints.txt -e '.[gguf]'"
        raise UserError(str(file), "a GGUF file is read by the package gguf", remedy)
    if not file.is_file():
        raise UserError(str(file), "the GGUF file exists", "correct planner.base_model")
    try:
        model, tokenizer = _read(file)
    # what a broken or foreign file raises depends on where it is broken
    except Exception as error:
        rule = "is a whole GGUF file of a causal model that transformers reads, with its tokenizer"
        sample = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise UserError(str(file), rule, "fetch the file again", sample) from None
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    source = {"name": file.name, "sha256": hash_content(file).sha256}
    text = json.dumps(source, indent=2, sort_keys=True)
    (folder / SOURCE_FILE).write_text(text + "\n", encoding="utf-8")


def _read(file: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    where = {"pretrained_model_name_or_path": file.parent, "gguf_file": file.name}
    tokenizer = AutoTokenizer.from_pretrained(**where)
    read = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
    # a model that was read from GGUF refuses to be saved: its weights go into one that was not
    config = copy.deepcopy(read.config)
    del config.quantization_config
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    plain.load_state_dict(read.state_dict())
    return plain, tokenizer
