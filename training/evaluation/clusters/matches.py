"""Match rate: does the planner, left to itself, write the descriptions of clusters?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from expectations.contracts.values import ClusterContext
from training.evaluation.metrics import wilson_interval
from training.planner.base.decode import write_greedily
from training.planner.base.model_io import Planner


@dataclass(frozen=True)
class MatchFigures:
    """What unconstrained greedy decoding wrote, over all contexts asked.

    Attributes:
        n_prompts: contexts asked.
        n_matches: completions that are exactly one of the descriptions.
        match_rate: their share, with its interval.
        greedy_self_transition_rate: share of completions that describe a cluster of the prompt.
    """

    n_prompts: int
    n_matches: int
    match_rate: float
    match_rate_low: float
    match_rate_high: float
    greedy_self_transition_rate: float


def measure_matches(
    planner: Planner, contexts: Sequence[ClusterContext], descriptions: Sequence[str]
) -> MatchFigures:
    """Let the planner write after every context, any token allowed, and compare.

    Args:
        planner: in evaluation mode.
        contexts: for the match rate of design and gate, all contexts of the table.
        descriptions: of every cluster, by id.
    """
    prompts = [
        planner.encode_prompt([descriptions[member] for member in context.members])
        for context in contexts
    ]
    room = max(len(planner.encode_completion(text)) for text in descriptions)
    written = write_greedily(planner, prompts, room)
    return count_matches(written, contexts, descriptions)


def count_matches(
    written: Sequence[str], contexts: Sequence[ClusterContext], descriptions: Sequence[str]
) -> MatchFigures:
    """Return the figures of texts already written, one per context."""
    known = set(descriptions)
    matches = sum(text in known for text in written)
    selves = sum(
        text in {descriptions[member] for member in context.members}
        for text, context in zip(written, contexts, strict=True)
    )
    low, high = wilson_interval(matches, len(written))
    return MatchFigures(
        n_prompts=len(written),
        n_matches=matches,
        match_rate=matches / len(written),
        match_rate_low=low,
        match_rate_high=high,
        greedy_self_transition_rate=selves / len(written),
    )
