"""Makes the embedded base model: a compact Llama, pre-trained on the project's own texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from tqdm import tqdm
from transformers import LlamaConfig, LlamaForCausalLM

from training.config import Precision
from training.planner.base.corpus import Corpus, draw_blocks
from training.planner.base.language_model import BaseModel
from training.planner.base.tokenizer import train_tokenizer
from training.planner.config import EmbeddedConfig
from training.planner.schedule import make_optimizer, take_step
from training.precision import mixed_precision, products_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

REPORT_EVERY = 50
"""Steps between two points of the curve: a dozen or two in all."""


@dataclass(frozen=True)
class PretrainPoint:
    """Mean language-model loss per token over the steps since the point before, in nats."""

    step: int
    loss: float


def pretrain(
    corpus: Corpus,
    descriptions: tuple[str, ...],
    config: EmbeddedConfig,
    seed: int,
    precision: Precision = "auto",
    report: Callable[[PretrainPoint], None] = lambda point: None,
) -> BaseModel:
    """Return the embedded base model, trained on the corpus.

    Args:
        corpus: texts from before the validation period.
        descriptions: the cluster descriptions.
        config: sizes and steps.
        seed: of weights and batches.
        precision: of products; weights and their updates are float32.
        report: is told the loss every :data:`REPORT_EVERY` steps.
    """
    rng = np.random.default_rng(seed)
    tokenizer = train_tokenizer(corpus.texts, descriptions, config.vocabulary)
    model = build_model(tokenizer, config, seed)
    blocks = _shuffled_blocks(corpus, tokenizer, config, rng)  # [steps, batch, block]
    optimizer, scheduler = make_optimizer(
        list(model.parameters()), config.learning_rate, 0.01, config.steps, warmup_share=0.05
    )
    losses: list[float] = []
    products = products_of(precision, model.device)
    model.train()
    for step in tqdm(range(1, config.steps + 1), desc="base model", unit="step", disable=None):
        batch = torch.from_numpy(blocks[step - 1])
        with mixed_precision(products, batch.device):
            loss = model(input_ids=batch, labels=batch, use_cache=False).loss
        loss.backward()
        take_step(list(model.parameters()), optimizer, scheduler)
        losses.append(loss.item())
        if step % REPORT_EVERY == 0 or step == config.steps:
            report(PretrainPoint(step, sum(losses) / len(losses)))
            losses.clear()
    return BaseModel(model.eval(), tokenizer)


def build_model(
    tokenizer: PreTrainedTokenizerBase, config: EmbeddedConfig, seed: int
) -> LlamaForCausalLM:
    """Return an untrained Llama of the configured size, input and output embeddings tied."""
    sizes = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        max_position_embeddings=config.max_positions,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():  # transformers draws from the global generator: seed, restore
        torch.manual_seed(seed)
        return LlamaForCausalLM(sizes)


def save_base(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write weights (safetensors), configuration and tokenizer to ``folder``."""
    model.save_pretrained(str(folder), safe_serialization=True)
    tokenizer.save_pretrained(str(folder))


def _shuffled_blocks(
    corpus: Corpus,
    tokenizer: PreTrainedTokenizerBase,
    config: EmbeddedConfig,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return the blocks of every step, histories and other texts mixed, int64 [steps, B, T]."""
    n_blocks = config.steps * config.batch_size
    n_histories = round(config.history_share * n_blocks)
    blocks = np.concatenate(
        [
            draw_blocks(
                _encode(tokenizer, corpus.histories), n_histories, config.block_tokens, rng
            ),
            draw_blocks(
                _encode(tokenizer, corpus.catalogue + corpus.clusters),
                n_blocks - n_histories,
                config.block_tokens,
                rng,
            ),
        ]
    )
    shuffled: np.ndarray = blocks[rng.permutation(n_blocks)]
    return shuffled.reshape(config.steps, config.batch_size, config.block_tokens)


def _encode(tokenizer: PreTrainedTokenizerBase, texts: tuple[str, ...]) -> list[list[int]]:
    encoded: list[list[int]] = tokenizer(list(texts))["input_ids"]
    return [[*tokens, tokenizer.eos_token_id] for tokens in encoded]
