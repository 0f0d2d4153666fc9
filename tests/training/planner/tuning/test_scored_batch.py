"""One forward pass over prompt, tree and completion says what a pass for each would say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.worlds.tiny_models import ARCHITECTURES, save_tiny_base
from training.planner.base.decode import write_greedily
from training.planner.base.model_io import Planner, load_base
from training.planner.tuning.finetune import encode_descriptions
from training.planner.tuning.scored_batch import score_batch

DESCRIPTIONS = ("jazz", "jazz guitar", "slow cooking", "slow jazz guitar", "tea", "tea tasting")
HISTORIES = (("jazz",), ("slow cooking", "tea tasting"), ("jazz guitar", "tea"))
TARGETS = (1, 3, 5)


def planner_of(folder: Path, architecture: str) -> Planner:
    model, tokenizer = load_base(save_tiny_base(folder, architecture, DESCRIPTIONS))
    return Planner(model.eval(), tokenizer)


def plain_logs(planner: Planner, tokens: list[int]) -> torch.Tensor:
    with torch.no_grad():
        logits = planner.model(torch.tensor([tokens])).logits[0]
    logs: torch.Tensor = logits.log_softmax(-1)
    return logs


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_scores_equal_those_of_a_plain_pass_for_each_completion(
    architecture: str, tmp_path: Path
) -> None:
    planner = planner_of(tmp_path, architecture)
    tokens = encode_descriptions(planner, DESCRIPTIONS)
    prompts = [planner.encode_prompt(history) for history in HISTORIES]
    wanted = [tokens.completions[target] for target in TARGETS]
    with torch.no_grad():
        scored = score_batch(planner.model, prompts, wanted, tokens.tree, planner.pad_token_id)
    assert scored.cluster_scores is not None
    for row, prompt in enumerate(prompts):
        for cluster, completion in enumerate(tokens.completions):
            logs = plain_logs(planner, [*prompt, *completion])
            own = [
                logs[len(prompt) - 1 + place, token].item()
                for place, token in enumerate(completion)
            ]
            branching = sum(
                log
                for place, log in enumerate(own)
                if len({o[place] for o in tokens.completions if o[:place] == completion[:place]})
                > 1
            )
            assert scored.cluster_scores[row, cluster].item() == pytest.approx(branching, abs=1e-4)
            if cluster == TARGETS[row]:
                found = scored.token_log_probabilities[row][: len(own)].tolist()
                assert found == pytest.approx(own, abs=1e-4)
                assert scored.token_mask[row].sum().item() == len(own)


def test_without_a_tree_only_the_completions_are_scored(tmp_path: Path) -> None:
    planner = planner_of(tmp_path, "llama")
    tokens = encode_descriptions(planner, DESCRIPTIONS)
    prompts = [planner.encode_prompt(history) for history in HISTORIES]
    wanted = [tokens.completions[target] for target in TARGETS]
    with torch.no_grad():
        bare = score_batch(planner.model, prompts, wanted, None, planner.pad_token_id)
        full = score_batch(planner.model, prompts, wanted, tokens.tree, planner.pad_token_id)
    assert bare.cluster_scores is None
    torch.testing.assert_close(
        bare.token_log_probabilities * bare.token_mask,
        full.token_log_probabilities * full.token_mask,
        atol=1e-5,
        rtol=1e-5,
    )


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_greedy_decoding_in_batches_equals_decoding_token_by_token(
    architecture: str, tmp_path: Path
) -> None:
    planner = planner_of(tmp_path, architecture)
    room = 6
    prompts = [planner.encode_prompt(history) for history in HISTORIES]
    expected = []
    for prompt in prompts:
        tokens = list(prompt)
        while len(tokens) < len(prompt) + room and planner.end_token_id not in tokens:
            tokens.append(int(plain_logs(planner, tokens)[-1].argmax()))
        ended = tokens[-1] == planner.end_token_id
        expected.append(planner.decode_completion(tokens[len(prompt) : -1]) if ended else "")
    assert write_greedily(planner, prompts, room, batch_size=2) == expected
