"""The closed set of descriptions as a tree of tokens in tensors: what the planner may write.

A *place* is a token that the planner reads after the prompt. Places between two choices form a
*segment*, which is read at once; at its end *branches* lead to further segments or complete a
description. The root segment is the prompt itself and has no place.

How much must be read depends on what a score is (see ``docs/planning.md``):

- ``closed``: the planner is held to the descriptions, so a token without an alternative is sure.
  Places are only read on the way to a choice.
- ``open``: the planner may write anything, so every token of a description counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from expectations.contracts.errors import UserError
from inference.search.config import Score
from training.planner.tuning.completion_tree import Prefix, continuations, ways_to_branches

NOTHING = -1
"""Fills tables of unequal rows."""

# Shapes: M places, G segments (the root first), L places of the longest, E branches, N clusters,
# S segments on the longest way to a description.


@dataclass(frozen=True)
class DescriptionTree:
    """Places in preorder: a place stands before all that are below it.

    Attributes:
        place_tokens: int64 [M].
        parents: the place before each; ``NOTHING`` for first tokens, int64 [M].
        place_depths: tokens from the prompt's end, 1 for a first token, int64 [M].
        next_tokens: the token that must follow each place; ``NOTHING`` where a segment ends, [M].
        segment_places: places of each segment, int64 [G, L], filled with ``NOTHING``.
        leads_on: whether a place is on the way to another, bool [M].
        segments_before: the segment that leads to that of each place, int64 [M].
        segment_of_end: the segment that ends at each place; ``NOTHING`` elsewhere, int64 [M].
        segment_levels: segments between the root and each, itself counted, int64 [G].
        branch_tokens: int64 [E], those of one segment together.
        branch_targets: segment that a branch leads to, or G + the cluster it completes, int64 [E].
        branch_starts: first branch of each segment, and E, int64 [G + 1].
        n_below: clusters below each segment, float64 [G].
        ways: segments on the way to each cluster without the root, int64 [N, S], filled.
    """

    place_tokens: Tensor
    parents: Tensor
    place_depths: Tensor
    next_tokens: Tensor
    segment_places: Tensor
    leads_on: Tensor
    segments_before: Tensor
    segment_of_end: Tensor
    segment_levels: Tensor
    branch_tokens: Tensor
    branch_targets: Tensor
    branch_starts: Tensor
    n_below: Tensor
    ways: Tensor

    @property
    def n_places(self) -> int:
        """M."""
        return len(self.place_tokens)

    @property
    def n_segments(self) -> int:
        """G."""
        return len(self.segment_places)

    @property
    def n_clusters(self) -> int:
        """N."""
        return len(self.ways)

    def to(self, device: torch.device) -> DescriptionTree:
        """Return the tree on that device."""
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def grow_description_tree(completions: Sequence[Sequence[int]], score: Score) -> DescriptionTree:
    """Return the tree of these completions, each with its end token, by cluster.

    Raises:
        UserError: there is none, or the tokenizer cannot tell two of them apart.
    """
    if not completions:
        raise UserError("descriptions", "there is at least one", "run the clusters stage")
    try:
        following = continuations(completions)
    except ValueError as error:
        remedy = "make the descriptions differ in the tokenizer"
        rule = "every description has tokens of its own and an end"
        raise UserError("descriptions", rule, remedy, str(error)) from None
    places = set(following) if score == "open" else set(ways_to_branches(following))
    order = sorted(places - {()})  # preorder: a beginning stands before what goes on from it
    return _lay_out(completions, following, {prefix: number for number, prefix in enumerate(order)})


def _lay_out(
    completions: Sequence[Sequence[int]],
    following: dict[Prefix, list[int]],
    place_of: dict[Prefix, int],
) -> DescriptionTree:
    order = list(place_of)  # [M], preorder
    starts = [p for p in order if len(p) == 1 or len(following[p[:-1]]) > 1]
    chains = [[()]] + [_chain(prefix, following, place_of) for prefix in starts]
    segment_of = {chain[0]: number for number, chain in enumerate(chains)}
    cluster_of = {tuple(completion): cluster for cluster, completion in enumerate(completions)}
    tokens: list[int] = []
    targets: list[int] = []
    branch_starts = [0]
    for chain in chains:
        for token in sorted(following[chain[-1]]):
            target = _first_choice((*chain[-1], token), following, place_of)
            tokens.append(token)
            targets.append(
                segment_of[target] if target in segment_of else len(chains) + cluster_of[target]
            )
        branch_starts.append(len(tokens))
    end_of = {chain[-1]: number for number, chain in enumerate(chains)}
    start_of = {prefix: chain[0] for chain in chains for prefix in chain}
    above = {prefix[:-1] for prefix in order}
    ways = [
        [segment_of[p] for size in range(1, len(c)) if (p := tuple(c[:size])) in segment_of]
        for c in completions
    ]
    return DescriptionTree(
        place_tokens=_row([prefix[-1] for prefix in order]),
        parents=_row([place_of.get(prefix[:-1], NOTHING) for prefix in order]),
        place_depths=_row([len(prefix) for prefix in order]),
        next_tokens=_row([NOTHING if p in end_of else following[p][0] for p in order]),
        segment_places=_table([[place_of[p] for p in chain if p] for chain in chains]),
        leads_on=_row([p in above for p in order]).bool(),
        segments_before=_row([end_of[start_of[p][:-1]] for p in order]),
        segment_of_end=_row([end_of.get(p, NOTHING) for p in order]),
        segment_levels=_row(
            [
                sum(chain[0][:size] in segment_of for size in range(1, len(chain[0]) + 1))
                for chain in chains
            ]
        ),
        branch_tokens=_row(tokens),
        branch_targets=_row(targets),
        branch_starts=_row(branch_starts),
        n_below=torch.bincount(
            _row([0] * len(completions) + [segment for way in ways for segment in way]),
            minlength=len(chains),
        ).double(),
        ways=_table(ways),
    )


def _chain(
    start: Prefix, following: dict[Prefix, list[int]], place_of: dict[Prefix, int]
) -> list[Prefix]:
    """Return the places from ``start`` to the next choice, or to the last place there is."""
    chain = [start]
    while len(following[chain[-1]]) == 1:
        onward = (*chain[-1], following[chain[-1]][0])
        if onward not in place_of:
            break
        chain.append(onward)
    return chain


def _first_choice(
    prefix: Prefix, following: dict[Prefix, list[int]], place_of: dict[Prefix, int]
) -> Prefix:
    """Return ``prefix`` if it is a place, or else the one description that goes on from it."""
    while prefix not in place_of and prefix in following:
        prefix = (*prefix, following[prefix][0])
    return prefix


def _row(values: list[int]) -> Tensor:
    return torch.tensor(values, dtype=torch.int64)


def _table(rows: list[list[int]]) -> Tensor:
    width = max(1, *(len(row) for row in rows)) if rows else 1
    return _row([*[v for row in rows for v in row + [NOTHING] * (width - len(row))]]).view(
        -1, width
    )
