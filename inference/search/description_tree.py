"""The closed set of descriptions as a tree of tokens in tensors: what the planner may write.

A *node* is a token that the planner reads after the prompt. Nodes between two choices form a
*segment*, which is read at once; at its end *branches* lead to further segments or complete a
description. The root segment is the prompt itself and has no node.

How much must be read depends on what a score is (see ``docs/research/planning.md``):

- ``closed``: the planner is held to the descriptions, so a token without an alternative is sure.
  Nodes are only read on the path to a choice.
- ``open``: the planner may write anything, so every token of a description counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from expectations.contracts.errors import UserError
from inference.search.config import Score
from training.planner.tuning.completion_tree import Prefix, branching_prefixes, continuations

NO_NODE = -1
"""Fills tables of unequal rows."""
ROOT = 0
"""Number of the root segment: segments are numbered from it on."""

# Shapes: M nodes, G segments (the root first), L nodes of the longest, E branches, N clusters,
# S segments on the longest path to a description.


@dataclass(frozen=True)
class DescriptionTree:
    """Nodes in preorder: a node stands before all that are below it.

    Attributes:
        node_tokens: int64 [M].
        parents: the node before each; ``NO_NODE`` for first tokens, int64 [M].
        node_depths: tokens from the prompt's end, 1 for a first token, int64 [M].
        next_tokens: the token that must follow each node; ``NO_NODE`` where a segment ends, [M].
        segment_nodes: nodes of each segment, int64 [G, L], filled with ``NO_NODE``.
        has_children: whether a node is on the path to another, bool [M].
        segments_before: the segment that leads to that of each node, int64 [M].
        segment_of_end: the segment that ends at each node; ``NO_NODE`` elsewhere, int64 [M].
        segment_levels: segments between the root and each, itself counted, int64 [G].
        branch_tokens: int64 [E], those of one segment together.
        branch_targets: segment that a branch leads to, or G + the cluster it completes, int64 [E].
        branch_starts: first branch of each segment, and E, int64 [G + 1].
        n_clusters_below: clusters below each segment, float64 [G].
        paths: segments on the path to each cluster without the root, int64 [N, S], filled.
    """

    node_tokens: Tensor
    parents: Tensor
    node_depths: Tensor
    next_tokens: Tensor
    segment_nodes: Tensor
    has_children: Tensor
    segments_before: Tensor
    segment_of_end: Tensor
    segment_levels: Tensor
    branch_tokens: Tensor
    branch_targets: Tensor
    branch_starts: Tensor
    n_clusters_below: Tensor
    paths: Tensor

    @property
    def n_nodes(self) -> int:
        """M."""
        return len(self.node_tokens)

    @property
    def n_segments(self) -> int:
        """G."""
        return len(self.segment_nodes)

    @property
    def n_clusters(self) -> int:
        """N."""
        return len(self.paths)

    def to(self, device: torch.device) -> DescriptionTree:
        """Return the tree on that device."""
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def build_description_tree(completions: Sequence[Sequence[int]], score: Score) -> DescriptionTree:
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
    nodes = set(following) if score == "open" else set(branching_prefixes(following))
    order = sorted(nodes - {()})  # preorder: a beginning stands before what goes on from it
    return _lay_out(completions, following, {prefix: number for number, prefix in enumerate(order)})


def _lay_out(
    completions: Sequence[Sequence[int]],
    following: dict[Prefix, list[int]],
    node_of: dict[Prefix, int],
) -> DescriptionTree:
    order = list(node_of)  # [M], preorder
    starts = [p for p in order if len(p) == 1 or len(following[p[:-1]]) > 1]
    chains = [[()]] + [_chain(prefix, following, node_of) for prefix in starts]
    segment_of = {chain[0]: number for number, chain in enumerate(chains)}
    cluster_of = {tuple(completion): cluster for cluster, completion in enumerate(completions)}
    tokens: list[int] = []
    targets: list[int] = []
    branch_starts = [0]
    for chain in chains:
        for token in sorted(following[chain[-1]]):
            target = _first_choice((*chain[-1], token), following, node_of)
            tokens.append(token)
            targets.append(
                segment_of[target] if target in segment_of else len(chains) + cluster_of[target]
            )
        branch_starts.append(len(tokens))
    end_of = {chain[-1]: number for number, chain in enumerate(chains)}
    start_of = {prefix: chain[0] for chain in chains for prefix in chain}
    inner = {prefix[:-1] for prefix in order}
    paths = [
        [segment_of[p] for size in range(1, len(c)) if (p := tuple(c[:size])) in segment_of]
        for c in completions
    ]
    return DescriptionTree(
        node_tokens=_row([prefix[-1] for prefix in order]),
        parents=_row([node_of.get(prefix[:-1], NO_NODE) for prefix in order]),
        node_depths=_row([len(prefix) for prefix in order]),
        next_tokens=_row([NO_NODE if p in end_of else following[p][0] for p in order]),
        segment_nodes=_table([[node_of[p] for p in chain if p] for chain in chains]),
        has_children=_row([p in inner for p in order]).bool(),
        segments_before=_row([end_of[start_of[p][:-1]] for p in order]),
        segment_of_end=_row([end_of.get(p, NO_NODE) for p in order]),
        segment_levels=_row(
            [
                sum(chain[0][:size] in segment_of for size in range(1, len(chain[0]) + 1))
                for chain in chains
            ]
        ),
        branch_tokens=_row(tokens),
        branch_targets=_row(targets),
        branch_starts=_row(branch_starts),
        n_clusters_below=torch.bincount(
            _row([0] * len(completions) + [segment for path in paths for segment in path]),
            minlength=len(chains),
        ).double(),
        paths=_table(paths),
    )


def _chain(
    start: Prefix, following: dict[Prefix, list[int]], node_of: dict[Prefix, int]
) -> list[Prefix]:
    """Return the nodes from ``start`` to the next choice, or to the last rank there is."""
    chain = [start]
    while len(following[chain[-1]]) == 1:
        onward = (*chain[-1], following[chain[-1]][0])
        if onward not in node_of:
            break
        chain.append(onward)
    return chain


def _first_choice(
    prefix: Prefix, following: dict[Prefix, list[int]], node_of: dict[Prefix, int]
) -> Prefix:
    """Return ``prefix`` if it is a node, or else the one description that goes on from it."""
    while prefix not in node_of and prefix in following:
        prefix = (*prefix, following[prefix][0])
    return prefix


def _row(values: list[int]) -> Tensor:
    return torch.tensor(values, dtype=torch.int64)


def _table(rows: list[list[int]]) -> Tensor:
    width = max(1, *(len(row) for row in rows)) if rows else 1
    return _row([*[v for row in rows for v in row + [NO_NODE] * (width - len(row))]]).view(
        -1, width
    )
