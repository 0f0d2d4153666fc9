"""The figures of an evaluation are those that a reader of the definitions would count by hand."""

from __future__ import annotations

from pathlib import Path
from string import ascii_lowercase

import numpy as np
import pytest
import torch

from tests.worlds.planner import co_interest_world
from tests.worlds.tiny_models import save_tiny_base
from training.planner.base.model_io import Planner, load_base
from training.planner.config import HardwareConfig, PlannerConfig
from training.planner.data.transitions import newest_contexts, read_transitions
from training.planner.tuning.finetune import encode_descriptions
from training.planner.tuning.validation import Validator

N = 16


def log_of_first(planner: Planner, prompt: list[int], completion: tuple[int, ...]) -> float:
    """The log-probability of a completion's first token, from a pass for it alone."""
    with torch.no_grad():
        logs = planner.model(torch.tensor([prompt])).logits[0, -1].log_softmax(-1)
    return float(logs[completion[0]])


@pytest.mark.parametrize("micro_batch", [None, 3])
def test_coverage_and_recall_are_those_counted_one_by_one(
    micro_batch: int | None, tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    world = co_interest_world(N, n_users=10)
    letters = zip(ascii_lowercase[:N], world.descriptions, strict=True)
    names = tuple(f"{letter} {name}" for letter, name in letters)
    planner = Planner(*load_base(save_tiny_base(tmp_path, "llama", names)))
    tokens = encode_descriptions(planner, names)
    assert len({completion[0] for completion in tokens.completions}) == N  # no other branch
    transitions = read_transitions(world.transitions, "validation")
    config = PlannerConfig(hardware=HardwareConfig(micro_batch=micro_batch), match_prompts=4)
    seen = Validator(tokens, transitions, config, np.random.default_rng(0)).evaluate(planner)
    shown, hits = set(), []
    for row, context in enumerate(newest_contexts(transitions)):
        prompt = tokens.prompt_of(planner, context)
        scores = [log_of_first(planner, prompt, completion) for completion in tokens.completions]
        ranked = np.argsort(-np.array(scores)).tolist()
        shown |= set([c for c in ranked if c not in context.members][:5])
        history = set(transitions.histories[row].tolist())
        free = [c for c in ranked if c not in history]
        hits.append(free.index(int(transitions.targets[row])) < 10)
    assert 0 < len(shown) < N
    assert seen.coverage_at_5 == len(shown) / N
    assert seen.recall_at_10 == pytest.approx(np.mean(hits))
    assert seen.match_rate == 0
