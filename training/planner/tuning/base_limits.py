"""What a base model must be able to do: take in the longest prompt, and obey the attention mask."""

from __future__ import annotations

import inspect

import torch

from expectations.contracts.errors import UserError
from expectations.contracts.values import HISTORY_SIZE
from training.planner.base.model_io import Planner
from training.planner.tuning.scored_batch import score_batch
from training.planner.tuning.validation import PlannerTokens

EXACT_DIFFERENCE, ROUNDED_DIFFERENCE = 0.01, 0.5
"""Of a token's log-probability, in nats, between two ways to compute it: in float32, and else."""


def check_base(planner: Planner, tokens: PlannerTokens) -> None:
    """Check that descriptions can be scored side by side behind one prompt of the base model.

    Raises:
        UserError: the longest prompt and completion do not fit, the model reads them in an order
            of its own, or its template puts the date into prompts.
    """
    if planner.has_turns and "strftime_now" in planner.tokenizer.chat_template:
        raise UserError(
            "planner.base_model",
            "has a chat template that writes the same prompt on every day",
            "set planner.prompt.template: plain",
            "strftime_now",
        )
    by_length = sorted(tokens.descriptions, key=lambda text: len(planner.encode_completion(text)))
    longest = planner.encode_prompt(by_length[-HISTORY_SIZE:])
    _check_context_length(planner, len(longest) + tokens.longest)
    shortest = planner.encode_prompt(by_length[:1])
    _check_attention(planner, tokens, [shortest, longest])


def _check_context_length(planner: Planner, needed: int) -> None:
    """Raise unless so many tokens fit.

    Beyond its last position a model with learned ones fails, and others write nonsense. Where
    attention slides over a window of tokens, a longer text would be read differently in training,
    where descriptions are scored side by side, than when it is written.
    """
    config = planner.model.config.get_text_config()
    limits = [getattr(config, "max_position_embeddings", None)]
    if "sliding_attention" in (getattr(config, "layer_types", None) or ["sliding_attention"]):
        limits.append(getattr(config, "sliding_window", None))
    room = min((int(limit) for limit in limits if limit is not None), default=needed)
    if needed > room:
        raise UserError(
            "planner.base_model",
            f"reads {needed} tokens, the longest prompt with its answer",
            "choose a model that reads more, or lower clusters.description.words",
            f"{room} tokens",
        )


def _check_attention(planner: Planner, tokens: PlannerTokens, prompts: list[list[int]]) -> None:
    """Raise unless a batch's scores are those of plain passes.

    Recurrent layers and convolutions read a row from left to right, whatever the mask says;
    distances that a model counts by itself are not those of a description's own way.
    """
    rule = "attends to tokens by a mask and by positions that it is given"
    remedy = "choose a transformer without recurrent layers, such as a Llama, Qwen3, Gemma or GPT-2"
    if "position_ids" not in inspect.signature(planner.model.forward).parameters:
        raise UserError("planner.base_model", rule, remedy, planner.model.config.model_type)
    is_branch = (tokens.tree.branches_of < len(tokens.tree.branch_tokens)).sum(dim=1)  # [N]
    cluster = int(is_branch.argmax())
    own = tokens.completions[cluster]
    planner.model.eval()
    with torch.no_grad():
        found = score_batch(
            planner.model, prompts, [own] * len(prompts), tokens.tree, planner.pad_token_id
        )
        plain = [_plain_logs(planner, prompt, own) for prompt in prompts]
    assert found.cluster_scores is not None  # a tree was given
    branching = [
        len({other[position] for other in tokens.completions if other[:position] == own[:position]})
        > 1
        for position in range(len(own))
    ]
    wholes = torch.stack([logs.sum() for logs in plain])
    branches = torch.stack([logs[torch.tensor(branching)].sum() for logs in plain])
    differences = torch.stack(
        [
            found.token_log_probabilities.sum(dim=1).cpu() - wholes,
            found.cluster_scores[:, cluster].cpu() - branches,
        ]
    )
    is_exact = {weight.dtype for weight in planner.model.parameters()} == {torch.float32}
    allowed = len(own) * (EXACT_DIFFERENCE if is_exact else ROUNDED_DIFFERENCE)
    worst = differences.abs().max().item()
    if not worst <= allowed:
        sample = f"{planner.model.config.model_type}, a log-probability off by {worst:.2f}"
        raise UserError("planner.base_model", rule, remedy, sample)


def _plain_logs(planner: Planner, prompt: list[int], completion: tuple[int, ...]) -> torch.Tensor:
    """Return the log-probability of each token of a completion, from a pass for it alone."""
    row = torch.tensor([[*prompt, *completion]], device=planner.device)
    logits = planner.model(input_ids=row, use_cache=False).logits[0, len(prompt) - 1 : -1]
    logs = torch.log_softmax(logits.float(), dim=-1).cpu()  # [C, V]
    return logs.gather(1, torch.tensor(completion)[:, None]).squeeze(1)
