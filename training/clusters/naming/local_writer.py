"""Lets a causal language model on this machine write descriptions, greedily, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from expectations.contracts.errors import UserError
from training.clusters.config import LanguageModelConfig
from training.clusters.naming.name_writer import INSTRUCTION, Brief

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

ANSWER_CUE = "Name:"


class LocalWriter:
    """A Hugging Face causal language model: an id, or a local folder.

    Raises:
        UserError: there is no such model, or its parts do not load.
    """

    def __init__(self, name: str, config: LanguageModelConfig) -> None:
        try:
            self._tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(name)
            model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(name)
        except (OSError, ValueError, KeyError) as error:
            raise UserError(
                "clusters.description.writer",
                "is 'keywords', a causal language model (id or folder), or an http(s) address",
                "check the name, or set it to keywords",
                f"{name}: {error}"[:200],
            ) from None
        self._model = model.eval()
        self._max_new_tokens = config.max_answer_tokens

    def answer(self, brief: Brief) -> str:
        """Return the model's most likely answer; a chat model gets the brief as the user's turn."""
        encoded = self._encode(brief)
        with torch.inference_mode():
            written = self._model.generate(
                **encoded,
                max_new_tokens=self._max_new_tokens,
                do_sample=False,
                num_beams=1,
                temperature=None,  # a model's own settings for sampling would only warn
                top_p=None,
                top_k=None,
                pad_token_id=self._tokenizer.pad_token_id or self._tokenizer.eos_token_id,
            )
        fresh = written[0, encoded["input_ids"].shape[1] :]
        return str(self._tokenizer.decode(fresh, skip_special_tokens=True))

    def _encode(self, brief: Brief) -> BatchEncoding | dict[str, Tensor]:
        if self._tokenizer.chat_template:
            turns = [
                {"role": "system", "content": INSTRUCTION},
                {"role": "user", "content": brief.render()},
            ]
            return self._tokenizer.apply_chat_template(
                turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )
        text = f"{INSTRUCTION}\n\n{brief.render()}\n{ANSWER_CUE}"
        encoded = self._tokenizer(text, return_tensors="pt")
        return {name: encoded[name] for name in ("input_ids", "attention_mask")}
