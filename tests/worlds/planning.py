"""Small worlds for planning: random language models, real tokenizers, tables made by hand."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    GPTJConfig,
    GPTJForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from expectations.contracts.values import BUILD_RELEASE, ClusterContext, all_contexts
from inference.search.config import Score, TableConfig
from inference.search.ranking import ContextRanker, RankedContexts
from inference.search.reader import TOKENS_TOGETHER
from inference.table.table import make_ranker
from training.planner.base.model_io import Planner
from training.planner.prompt import render_completion, render_prompt

DESCRIPTIONS = (
    "jazz guitar",
    "jazz guitar lessons",  # goes on where another ends
    "slow cooking, stews",
    "garden birds",
    "garden tools",
    "night trains",
    "sourdough bread, rye",
    "chess openings",
    "chess",
)
ONE_FAMILY = (0,) * len(DESCRIPTIONS)
END = datetime(2024, 5, 1, tzinfo=UTC)


def make_tokenizer(descriptions: Sequence[str], vocabulary: int = 340) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE tokenizer trained on prompts and completions of these clusters."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<pad>", "<end>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [render_prompt([text]) + render_completion(text) for text in descriptions]
    core.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<end>")


def make_planner(
    descriptions: Sequence[str] = DESCRIPTIONS,
    architecture: str = "llama",
    width: int = 32,
    layers: int = 2,
    seed: int = 0,
    tokenizer: PreTrainedTokenizerFast | None = None,
) -> Planner:
    """Return an untrained planner with weights large enough that its opinions differ clearly."""
    tokenizer = tokenizer or make_tokenizer(descriptions)
    torch.manual_seed(seed)  # transformers draws initial weights from the global generator only
    shared: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
        "initializer_range": 0.3,
    }
    model: torch.nn.Module
    if architecture == "gpt2":
        model = GPT2LMHeadModel(
            GPT2Config(n_embd=width, n_layer=layers, n_head=2, n_positions=256, **shared)
        )
    elif architecture == "gptj":
        model = GPTJForCausalLM(
            GPTJConfig(n_embd=width, n_layer=layers, n_head=2, rotary_dim=8, **shared)
        )
    else:
        config, build = {
            "llama": (LlamaConfig, LlamaForCausalLM),
            "qwen3": (Qwen3Config, Qwen3ForCausalLM),
            "sliding": (MistralConfig, MistralForCausalLM),
            "capped": (Gemma3TextConfig, Gemma3ForCausalLM),
            "gemma2": (Gemma2Config, Gemma2ForCausalLM),
        }[architecture]
        own: dict[str, dict[str, Any]] = {
            "sliding": {"sliding_window": 4},
            "capped": {"final_logit_softcapping": 2.0},
            "gemma2": {"attn_logit_softcapping": 2.0, "attn_implementation": "eager"},
        }
        model = build(
            config(
                hidden_size=width,
                intermediate_size=2 * width,
                num_hidden_layers=layers,
                num_attention_heads=2,
                num_key_value_heads=1,
                head_dim=width // 2,
                max_position_embeddings=256,
                **own.get(architecture, {}),
                **shared,
            )
        )
    return Planner(model.eval(), tokenizer)


def unsettle(planner: Planner) -> Planner:
    """Let its last bits depend on how much is read at once, as some processors do; return it."""
    planner.model.model.layers[0].register_forward_hook(
        lambda _, inputs, output: output * (1 + 1e-6 * (inputs[0].shape[1] // TOKENS_TOGETHER))
    )
    return planner


def score_one_by_one(
    planner: Planner,
    contexts: Sequence[ClusterContext],
    descriptions: Sequence[str],
    score: Score = "closed",
) -> np.ndarray:
    """Return every description's log-probability by one plain forward pass each: the oracle.

    With the score ``closed``, tokens that no description goes on with are given no probability.
    """
    completions = [planner.encode_completion(text) for text in descriptions]
    scores = np.zeros((len(contexts), len(descriptions)))
    for row, context in enumerate(contexts):
        prompt = planner.encode_prompt([descriptions[member] for member in context.members])
        for cluster in range(len(descriptions)):
            completion = completions[cluster]
            with torch.no_grad():
                logits = planner.model(torch.tensor([prompt + completion])).logits[0].double()
            logits = logits[len(prompt) - 1 : -1]
            if score == "closed":
                for step in range(len(completion)):
                    begun = [c for c in completions if c[:step] == completion[:step]]
                    banned = torch.ones(logits.shape[1], dtype=torch.bool)
                    banned[[c[step] for c in begun]] = False
                    logits[step, banned] = -torch.inf
            steps = logits.log_softmax(dim=-1)
            scores[row, cluster] = steps[range(len(completion)), completion].sum().item()
    return scores


def make_table(likes: np.ndarray, depth: int | None = None) -> pl.DataFrame:
    """Return a novel-cluster table over ``likes`` [N, N]: a row's scores are its members' mean."""
    n_clusters = len(likes)
    keys, clusters, scores = [], [], []
    for context in all_contexts(n_clusters):
        mean = likes[list(context.members)].mean(axis=0)
        novel = [
            cluster
            for cluster in np.argsort(-mean, kind="stable")
            if cluster not in context.members
        ]
        keys.append(context.key)
        clusters.append([int(cluster) for cluster in novel[:depth]])
        scores.append([float(mean[cluster]) for cluster in novel[:depth]])
    return pl.DataFrame(
        {
            "release_id": BUILD_RELEASE,
            "context_key": keys,
            "novel_clusters": clusters,
            "scores": scores,
        },
        schema_overrides={"novel_clusters": pl.List(pl.Int64), "scores": pl.List(pl.Float32)},
    ).with_columns(event_timestamp=pl.lit(END))


@dataclass(frozen=True)
class MadePlanner:
    """Opens an untrained planner, the same in every process."""

    config: TableConfig
    descriptions: tuple[str, ...] = DESCRIPTIONS
    folders: tuple[Path, ...] = ()

    def open(self, folders: Sequence[Path]) -> ContextRanker:
        return make_ranker(
            make_planner(self.descriptions), self.descriptions, ONE_FAMILY, self.config
        )


@dataclass(frozen=True)
class DyingPlanner(MadePlanner):
    """Its process is killed before it ranks a batch with ``fatal``, as often as ``lives`` says."""

    fatal: tuple[int, ...] = (0, 1)
    deaths: Path = Path()
    lives: int = 1

    def open(self, folders: Sequence[Path]) -> ContextRanker:
        return _DyingRanker(super().open(folders), self)


@dataclass(frozen=True)
class _DyingRanker:
    ranker: ContextRanker
    source: DyingPlanner

    def rank_batch(self, contexts: Sequence[ClusterContext]) -> RankedContexts:
        log = self.source.deaths
        n_deaths = log.stat().st_size if log.exists() else 0
        if ClusterContext(self.source.fatal) in contexts and n_deaths < self.source.lives:
            with log.open("ab") as stream:
                stream.write(b"x")
            os.kill(os.getpid(), signal.SIGKILL)
        return self.ranker.rank_batch(contexts)
