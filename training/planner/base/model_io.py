"""Loads the base language model and the planner; the planner turns descriptions into tokens."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from expectations.contracts.errors import UserError
from training.planner.base.base_reference import check_base_record, read_reference
from training.planner.base.hardware import dtype_of, quantization_of
from training.planner.base.language_model import BaseModel
from training.planner.base.prompt_record import PromptRecord, read_prompt_record
from training.planner.config import HardwareConfig, PromptConfig
from training.planner.prompt import parse_completion, render_completion, render_prompt
from training.processes import join_process_group

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BASE_RECORD = "base.json"
"""Beside an adapter: which base model it was trained on."""
DEFAULT_HARDWARE = HardwareConfig()
DEFAULT_PROMPT = PromptConfig()
SAMPLE_PROMPTS = (("jazz guitar",), ("jazz guitar", "slow cooking"))
"""Both sizes of a context. Any words do: what differs between two ways to put a prompt is around
them."""


@dataclass(frozen=True)
class Planner:
    """A causal language model in evaluation mode, its tokenizer, and how prompts are put to it.

    Prompts and completions are encoded apart and joined as token ids, so that the tokens of a
    completion never depend on the prompt before it.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    prompt: PromptConfig = DEFAULT_PROMPT

    @property
    def end_token_id(self) -> int:
        """The token that closes every completion; it tells a description from a longer one."""
        return int(self.tokenizer.eos_token_id)

    @property
    def pad_token_id(self) -> int:
        """The token that fills batches; always masked."""
        return int(self.tokenizer.pad_token_id)

    @property
    def device(self) -> torch.device:
        """Where the model's weights lie."""
        return torch.device(self.model.device)

    def encode_prompt(self, descriptions: Sequence[str]) -> list[int]:
        """Return the prompt's tokens; ``descriptions`` stand in ascending cluster id.

        A tokenizer with a chat template gets the prompt as the user's turn, unless the settings
        ask for a plain one.
        """
        return self.encode_prompts([descriptions])[0]

    def encode_prompts(self, contexts: Sequence[Sequence[str]]) -> list[list[int]]:
        """Return the tokens of many prompts, see :meth:`encode_prompt`."""
        texts = [render_prompt(descriptions, self.prompt) for descriptions in contexts]
        if self.has_turns:
            return self._encode_all(self._put_in_turns(texts), add_special_tokens=False)
        if self.prompt.system:
            texts = [f"{self.prompt.system}\n{text}" for text in texts]
        rows = self._encode_all(texts, add_special_tokens=True)
        return [row[:-1] if row[-1] == self.end_token_id else row for row in rows]

    @property
    def has_turns(self) -> bool:
        """Whether prompts stand in the tokenizer's chat template."""
        return bool(self.tokenizer.chat_template) and self.prompt.template == "auto"

    def describe_prompts(self) -> PromptRecord:
        """Return how prompts are put, with a hash of what that comes to in tokens."""
        tokens = json.dumps(self.encode_prompts(SAMPLE_PROMPTS))
        return PromptRecord(
            settings=self.prompt, sample_sha256=hashlib.sha256(tokens.encode()).hexdigest()
        )

    def encode_completion(self, description: str) -> list[int]:
        """Return the completion's tokens, the end token last."""
        (tokens,) = self._encode_all([render_completion(description)], add_special_tokens=False)
        return [*tokens, self.end_token_id]

    def decode_completion(self, tokens: Sequence[int]) -> str:
        """Return the description that these tokens (up to the end token) spell."""
        text = self.tokenizer.decode(
            list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return parse_completion(text)

    def _put_in_turns(self, texts: Sequence[str]) -> list[str]:
        system = self.prompt.system
        before = [] if system is None else [{"role": "system", "content": system}]
        turns = [[*before, {"role": "user", "content": text}] for text in texts]
        try:
            return list(
                self.tokenizer.apply_chat_template(
                    turns, tokenize=False, add_generation_prompt=True
                )
            )
        except Exception as error:  # a template raises what it likes, such as for a system turn
            raise UserError(
                "planner.prompt",
                "the base model's chat template takes the turns",
                "set system to null, or template to plain",
                str(error)[:120],
            ) from None

    def _encode_all(self, texts: Sequence[str], add_special_tokens: bool) -> list[list[int]]:
        rows = self.tokenizer(list(texts), add_special_tokens=add_special_tokens)["input_ids"]
        return [[int(token) for token in row] for row in rows]


def load_base(folder: Path, hardware: HardwareConfig = DEFAULT_HARDWARE) -> BaseModel:
    """Return the base model at ``folder``, following its reference if any.

    Args:
        folder: of the stage base_model.
        hardware: where the model goes, and how its weights are held.

    Raises:
        UserError: the folder holds no model, the tokenizer has no end token, or the settings ask
            for what is not there.
    """
    reference = read_reference(folder)
    source = reference.base_model if reference else str(folder)
    revision = reference.revision if reference else None
    device = join_process_group(hardware.device, "planner.hardware.device").device
    dtype = dtype_of(hardware, device)
    quantization = quantization_of(hardware, dtype)
    load_options = {"quantization_config": quantization, "device_map": {"": device}}
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
        model = AutoModelForCausalLM.from_pretrained(
            source, revision=revision, dtype=dtype, **(load_options if quantization else {})
        )
    except (OSError, ValueError) as error:
        remedy = "give planner.base_model a causal model's folder or Hugging Face id"
        raise UserError(
            source, "holds a model and its tokenizer", remedy, str(error)[:200]
        ) from None
    _require_end_token(tokenizer, source)
    return BaseModel(model if quantization else model.to(device), tokenizer)


def load_planner(base_folder: Path, adapter_folder: Path) -> Planner:
    """Return the planner: the base model with the adapter merged into its weights.

    They are merged in float32, whatever the base was held in while it was tuned: an adapter's
    changes are small, and the table's scores are exact sums.

    Raises:
        UserError: the adapter was trained on another base model, or with prompts that this one's
            tokenizer and template do not give.
    """
    check_base_record(base_folder, adapter_folder / BASE_RECORD)
    model, tokenizer = load_base(base_folder, HardwareConfig(dtype="float32"))
    with warnings.catch_warnings():  # peft asks transformers for an attribute by its old name
        warnings.simplefilter("ignore", FutureWarning)
        merged = PeftModel.from_pretrained(model, str(adapter_folder)).merge_and_unload()
    record = read_prompt_record(adapter_folder)
    if record is None:  # an earlier version put them so
        return Planner(merged.eval(), tokenizer)
    planner = Planner(merged.eval(), tokenizer, record.settings)
    if planner.describe_prompts() != record:
        rule = "puts prompts as it did when the adapter was trained"
        remedy = "bring its tokenizer and chat template back, or run the planner stage again"
        raise UserError(str(base_folder), rule, remedy)
    return planner


def _require_end_token(tokenizer: PreTrainedTokenizerBase, source: str) -> None:
    if tokenizer.eos_token_id is None:
        raise UserError(source, "its tokenizer has an end token", "set eos_token in its folder")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
