"""Settings of the planner: its base language model and its fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from training.config import Config, Device, Precision
from training.planner.prompt import PromptWording

EMBEDDED = "embedded"


class EmbeddedConfig(Config):
    """The compact base model that the project pre-trains itself.

    Attributes:
        vocabulary: tokens of its byte-pair tokenizer.
        hidden_size: width of a layer.
        intermediate_size: inner width of a layer's feed-forward part.
        layers: of the transformer.
        heads: of attention; they divide ``hidden_size``.
        max_positions: tokens it can read at once.
        block_tokens: tokens of a pre-training block.
        batch_size: blocks in one step.
        steps: of pre-training.
        learning_rate: of pre-training, at its height.
        history_share: of the blocks drawn from users' histories; the others are the catalogue and
            the cluster descriptions.
    """

    vocabulary: int = Field(default=2000, ge=300)
    hidden_size: int = Field(default=128, ge=8)
    intermediate_size: int = Field(default=320, ge=8)
    layers: int = Field(default=3, ge=1)
    heads: int = Field(default=4, ge=1)
    max_positions: int = Field(default=4096, ge=64)
    block_tokens: int = Field(default=64, ge=8)
    batch_size: int = Field(default=32, ge=1)
    steps: int = Field(default=600, ge=1)
    learning_rate: float = Field(default=3e-3, gt=0)
    history_share: float = Field(default=0.7, ge=0, le=1)


class PromptConfig(PromptWording):
    """How a prompt is put to the base model. It is kept beside the adapter."""

    template: Literal["auto", "plain"] = "auto"
    """``auto``: the prompt is the user's turn of the chat template, where the tokenizer has one."""
    system: str | None = None
    """A line before every prompt: the template's system turn, or else a line of its own. ``None``
    leaves it to the template, which may have one; an empty one takes that away."""


class LoraSettings(Config):
    """The adapter.

    Attributes:
        rank: of the two matrices of a layer.
        alpha: the adapter counts ``alpha / rank`` times.
        loraplus_lr_ratio: learning rate of a layer's matrix B over that of its matrix A (LoRA+:
            arXiv 2402.12354).
        dropout: of the adapter's input.
        targets: names of the layers it is put on; empty means every linear layer but the output.
        layers: of the transformer, counted from its output, that it is put on; ``None`` is all.
            What those below give is read once for a prompt and kept, and beside the collective
            signal a prompt then always has the same completion.
    """

    renamed: ClassVar[Mapping[str, str]] = {"second_rate": "loraplus_lr_ratio"}

    rank: int = Field(default=32, ge=1)
    alpha: int = Field(default=64, ge=1)
    loraplus_lr_ratio: float = Field(default=4.0, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: tuple[str, ...] = ()
    layers: int | None = Field(default=None, ge=1)


class HardwareConfig(Config):
    """How a base model is held and trained where memory or speed asks for it.

    Results do not depend on ``gradient_checkpointing``, ``micro_batch`` and ``cache_megabytes``
    but for the order of sums. ``quantization`` is of the frozen weights while they are tuned; the
    planner that is loaded afterwards is whole.
    """

    device: Device = "auto"
    """Where it is tuned; ``auto`` is a GPU where there is one."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the frozen weights; ``auto`` is bfloat16 on a GPU. The adapter's are always float32."""
    precision: Precision = "auto"
    """Of products on a processor while it is pre-trained or tuned; ``auto`` is bfloat16 where the
    processor multiplies it, which takes three quarters of the time. Judging it and planning stay
    exact, and so does all of it with ``gradient_checkpointing``. On a GPU ``dtype`` decides."""
    quantization: Literal["none", "4bit"] = "none"
    """``4bit`` is NF4; needs the extra ``quantization``."""
    gradient_checkpointing: bool = False
    """Compute the layers again on the way back, instead of keeping what they gave."""
    micro_batch: int | None = Field(default=None, ge=1)
    """Prompts read at once by one process, whose gradients add up; its whole share if ``None``."""
    cache_megabytes: int = Field(default=2048, ge=0)
    """With ``lora.layers``, of what the layers below gave: kept at most for training, and as much
    for its evaluations. What goes beyond is read every time."""


class PlannerConfig(Config):
    """The planner.

    Attributes:
        base_model: ``embedded``, a Hugging Face id, a local model folder, or a GGUF file.
        context_sampling: which history clusters stand in a training prompt: the ``newest``, or any
            K of the ``history``, as in the served plan, which combines all its contexts.
        single_share: of the prompts, those with one cluster, for the table's single rows.
        completion_weight: of what keeps the match rate: that every token of a completion continues
            some description or, without the collective signal, the language-model loss of one
            person's whole completion.
        novel_description_weight: of how little probability is left for all descriptions together
            that are not the prompt's own; for a base model that knows other phrases with their
            first words, or repeats what it reads. 0 leaves it out.
        listwise_weight: of the list-wise loss over people who share the prompt; 0 leaves it out.
        listwise_choices: people of a prompt in that loss at most.
        collective_weight: of the distance between what it writes and the collective signal: what
            everybody's choices let expect after a prompt; 0 leaves it out.
        distance_balance: 0 to 1: how much more alike what is expected next door, in new families
            and in new fields counts in that; 0 counts each by what is expected there.
        table_share: of the prompts, those that show any context of the table, not one person's.
        class_balanced_share: of these, those drawn by their novel cluster: first a cluster at
            random, then a context in which it is expected most.
        target_balance: lets a novel cluster count less the more the signal expects it over the
            table, and a person's choice the more often it is made, as that power: 0 not at all, 1
            so that every cluster counts the same. It buys coverage.
        learning_rate: at its height.
        weight_decay: of AdamW.
        warmup_share: of the steps, over which the learning rate rises.
        batch_size: prompts in one step.
        max_steps: of fine-tuning before it is judged for the last time.
        budget_minutes: of fine-tuning by the clock, its evaluations and the refit among them; takes
            the place of ``max_steps``. How many steps it allows is measured before the first and
            differs from run to run: ``metrics/planner_training.json`` has the number.
        evaluate_every: steps between two evaluations on validation.
        patience: evaluations in a row that are not kept before it stops.
        validation_rows: validation transitions that recall is taken on at most.
        match_prompts: prompts that the match rate is taken on at most.
        aimed_match_rate: what an evaluation should reach before its recall counts; no bound,
            those stand in ``gates``.
        aimed_coverage: the same for the share of clusters in the top five.
        refit: train on with what the validation period adds.
        refit_share: of the steps that were best, for which it does.
        refit_lr_ratio: of the learning rate, at which it does.
    """

    renamed: ClassVar[Mapping[str, str]] = {
        "min_coverage": "aimed_coverage",
        "min_match_rate": "aimed_match_rate",
        "peak_share": "class_balanced_share",
        "refit_rate": "refit_lr_ratio",
    }

    base_model: str = EMBEDDED
    embedded: EmbeddedConfig = EmbeddedConfig()
    prompt: PromptConfig = PromptConfig()
    lora: LoraSettings = LoraSettings()
    hardware: HardwareConfig = HardwareConfig()
    context_sampling: Literal["newest", "history"] = "history"
    single_share: float = Field(default=0.1, ge=0, le=1)
    completion_weight: float = Field(default=0.2, gt=0)
    novel_description_weight: float = Field(default=0.0, ge=0)
    listwise_weight: float = Field(default=0.0, ge=0)
    listwise_choices: int = Field(default=64, ge=1)
    collective_weight: float = Field(default=1.0, ge=0)
    distance_balance: float = Field(default=0.0, ge=0, le=1)
    table_share: float = Field(default=0.5, ge=0, lt=1)
    class_balanced_share: float = Field(default=0.5, ge=0, le=1)
    target_balance: float = Field(default=0.4, ge=0, le=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup_share: float = Field(default=0.05, ge=0, lt=1)
    batch_size: int = Field(default=64, ge=1)
    max_steps: int = Field(default=500, ge=1)
    budget_minutes: float | None = Field(default=None, gt=0)
    evaluate_every: int = Field(default=100, ge=1)
    patience: int = Field(default=4, ge=1)
    validation_rows: int = Field(default=1000, ge=1)
    match_prompts: int = Field(default=1000, ge=1)
    aimed_match_rate: float = Field(default=0.995, ge=0, le=1)
    aimed_coverage: float = Field(default=0.98, ge=0, le=1)
    refit: bool = True
    refit_share: float = Field(default=0.25, gt=0, le=1)
    refit_lr_ratio: float = Field(default=0.5, gt=0, le=1)
