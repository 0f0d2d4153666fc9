"""Any causal model can be the base: it is tuned, saved, loaded, merged, decoded and scored.

Small untrained models stand for the published ones, each with the kind of tokenizer, template and
gaps that its family has. They learn a planted rule, with descriptions that their tokenizers have
not seen, one of them the beginning of another, and letters that are no tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from expectations.contracts.values import all_contexts
from tests.worlds.planner import answer_of, planned_rule_world
from tests.worlds.tiny_bases import KINDS, TURN_ENDS, BaseKind, save_base_of
from training.planner.base.adapter_io import save_adapter
from training.planner.base.decode import write_greedily
from training.planner.base.model_io import Planner, load_base, load_planner
from training.planner.config import LoraSettings, PlannerConfig
from training.planner.data.transitions import read_transitions
from training.planner.tuning.finetune import FineTuned, encode_descriptions, fine_tune
from training.planner.tuning.scored_batch import score_batch
from training.planner.tuning.validation import PlannerTokens, measure_match_rate

DESCRIPTIONS = ("jazz", "jazz guitar", "crème brûlée", "slow tea tasting")
KNOWN = ("film cameras", "garden tea", "rock jazz")
PAIRS = [pair for pair in all_contexts(len(DESCRIPTIONS)) if len(pair.members) == 2]
CONFIG = PlannerConfig(
    single_share=0.0,
    completion_weight=1.0,
    listwise_choices=1,
    batch_size=12,
    learning_rate=0.01,
    max_steps=90,
    evaluate_every=45,
    lora=LoraSettings(rank=16, alpha=32),
)


@dataclass(frozen=True)
class Learned:
    """A base model, and the planner it became."""

    kind: BaseKind
    base: Path
    tuned: FineTuned
    planner: Planner
    tokens: PlannerTokens


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.architecture)
def learned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp(request.param.architecture)
    base = save_base_of(request.param, folder / "base", KNOWN)
    transitions = planned_rule_world(len(DESCRIPTIONS), copies=1).transitions
    splits = (read_transitions(transitions, split) for split in ("train", "validation"))
    tuned = fine_tune(load_base(base), DESCRIPTIONS, *splits, CONFIG, seed=0)
    save_adapter(tuned.model, tuned.prompt, base, folder / "adapter")
    planner = load_planner(base, folder / "adapter")
    return Learned(request.param, base, tuned, planner, encode_descriptions(planner, DESCRIPTIONS))


def prompts_of(learned: Learned) -> list[list[int]]:
    return [learned.tokens.prompt_of(learned.planner, pair) for pair in PAIRS]


def plain_logs(planner: Planner, tokens: list[int]) -> torch.Tensor:
    """Log-probabilities of a forward pass that knows nothing of us, [tokens, V]."""
    with torch.no_grad():
        logs: torch.Tensor = planner.model(torch.tensor([tokens])).logits[0].log_softmax(-1)
    return logs


def plain_score(learned: Learned, prompt: list[int], cluster: int) -> float:
    """The log-probability of a description's branching tokens, from one pass for it alone."""
    completions = learned.tokens.completions
    own = completions[cluster]
    logs = plain_logs(learned.planner, [*prompt, *own])
    return sum(
        logs[len(prompt) - 1 + place, token].item()
        for place, token in enumerate(own)
        if len({other[place] for other in completions if other[:place] == own[:place]}) > 1
    )


def test_the_planted_answer_is_written_after_every_pair(learned: Learned) -> None:
    texts = write_greedily(learned.planner, prompts_of(learned), learned.tokens.longest)
    assert texts == [DESCRIPTIONS[answer_of(*pair.members, len(DESCRIPTIONS))] for pair in PAIRS]
    assert measure_match_rate(learned.planner, learned.tokens, PAIRS) == 1.0
    untaught = Planner(load_base(learned.base)[0].eval(), learned.planner.tokenizer)
    assert measure_match_rate(untaught, learned.tokens, PAIRS) == 0.0


def test_the_merged_weights_say_what_the_adapter_said(learned: Learned) -> None:
    for prompt in prompts_of(learned)[:2]:
        apart = plain_logs(Planner(learned.tuned.model, learned.planner.tokenizer), prompt)
        torch.testing.assert_close(plain_logs(learned.planner, prompt), apart, atol=1e-3, rtol=1e-3)


def test_scores_are_those_of_a_plain_pass_for_each_description(learned: Learned) -> None:
    prompts = prompts_of(learned)
    wanted = [learned.tokens.completions[answer_of(*pair.members, 4)] for pair in PAIRS]
    planner = learned.planner
    with torch.no_grad():
        scored = score_batch(
            planner.model, prompts, wanted, learned.tokens.tree, planner.pad_token_id
        )
    assert scored.cluster_scores is not None
    for row, prompt in enumerate(prompts):
        expected = [plain_score(learned, prompt, cluster) for cluster in range(len(DESCRIPTIONS))]
        assert scored.cluster_scores[row].tolist() == pytest.approx(expected, abs=2e-3)
        logs = plain_logs(planner, [*prompt, *wanted[row]])[len(prompt) - 1 :]
        whole = sum(logs[place, token].item() for place, token in enumerate(wanted[row]))
        found = (scored.token_log_probabilities * scored.token_mask)[row].sum().item()
        assert found == pytest.approx(whole, abs=2e-3)


def test_texts_become_tokens_and_texts_again(learned: Learned) -> None:
    planner, kind = learned.planner, learned.kind
    unknown = planner.tokenizer.unk_token_id
    for text, completion in zip(DESCRIPTIONS, learned.tokens.completions, strict=True):
        assert planner.decode_completion(completion[:-1]) == text
        assert unknown is None or unknown not in completion
    letters = planner.tokenizer.convert_ids_to_tokens(list(learned.tokens.completions[2]))
    assert ("<0xC3>" in letters) == kind.blanks_as_letters  # the first byte of è, û and é
    prompt = planner.tokenizer.decode(planner.encode_prompt(DESCRIPTIONS[:1]))
    assert prompt.count("<s>") <= 1
    assert (TURN_ENDS in prompt) == kind.chats
    assert prompt.endswith("model\n" if kind.chats else "interest:")
