"""The branching part of all completions as one token tree, to score every description at once.

Nearly all that tells descriptions apart is decided where their completions branch: elsewhere one
token follows from the ones before. The list-wise loss therefore scores only the branches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Prefix = tuple[int, ...]

# Shapes: N completions, M nodes of the tree (the root first), E branches, D most branches on
# the way to one completion.


@dataclass(frozen=True)
class CompletionTree:
    """Nodes where completions branch (and their ancestors), and the branches.

    The root is the end of the prompt; each other node is one token after its parent.

    Attributes:
        tokens: token of each node, int64 [M]; meaningless at the root.
        depths: tokens between the root and each node, int64 [M].
        attends: whether the column's node is an ancestor of the row's or is it, bool [M, M].
        branch_nodes: node that each branch starts from, int64 [E].
        branch_tokens: token that each branch continues with, int64 [E].
        branches_of: branches on the way to each completion, int64 [N, D]; E where there are fewer.
    """

    tokens: Tensor
    depths: Tensor
    attends: Tensor
    branch_nodes: Tensor
    branch_tokens: Tensor
    branches_of: Tensor

    @property
    def n_nodes(self) -> int:
        """Nodes of the tree, the root among them."""
        return len(self.tokens)

    def score(self, log_probabilities: Tensor) -> Tensor:
        """Return each completion's sum of log-probabilities over its branches.

        Args:
            log_probabilities: of the next token at each node, [B, M, V].

        Returns:
            [B, N]
        """
        branches = log_probabilities[:, self.branch_nodes, self.branch_tokens]  # [B, E]
        padded = torch.cat([branches, branches.new_zeros(len(branches), 1)], dim=1)  # [B, E + 1]
        return padded[:, self.branches_of].sum(dim=-1)  # [B, N, D] -> [B, N]


def build_completion_tree(completions: Sequence[Sequence[int]]) -> CompletionTree:
    """Return the tree of these completions, each with its end token, in cluster order.

    Raises:
        ValueError: two completions are the same, or one is another's beginning.
    """
    children = continuations(completions)
    kept = branching_prefixes(children)
    node_of = {prefix: node for node, prefix in enumerate(kept)}
    branches = [
        (prefix, token)
        for prefix in kept
        if len(children[prefix]) > 1
        for token in children[prefix]
    ]
    branch_of = {branch: index for index, branch in enumerate(branches)}
    paths = [
        [
            branch_of[(prefix, completion[length])]
            for length in range(len(completion))
            if (prefix := tuple(completion[:length]), completion[length]) in branch_of
        ]
        for completion in completions
    ]
    depth = max(1, *(len(path) for path in paths))
    return CompletionTree(
        tokens=torch.tensor([prefix[-1] if prefix else 0 for prefix in kept]),
        depths=torch.tensor([len(prefix) for prefix in kept]),
        attends=torch.tensor([[row[: len(column)] == column for column in kept] for row in kept]),
        branch_nodes=torch.tensor([node_of[prefix] for prefix, _ in branches], dtype=torch.int64),
        branch_tokens=torch.tensor([token for _, token in branches], dtype=torch.int64),
        branches_of=torch.tensor(
            [path + [len(branches)] * (depth - len(path)) for path in paths], dtype=torch.int64
        ),
    )


def continuations(completions: Sequence[Sequence[int]]) -> dict[Prefix, list[int]]:
    """Return the tokens that may follow each beginning of a completion, the empty one first.

    Raises:
        ValueError: two completions are the same, or one is another's beginning.
    """
    following_of: dict[Prefix, list[int]] = {(): []}
    whole = {tuple(completion) for completion in completions}
    if len(whole) < len(completions):
        raise ValueError("two completions are the same")
    for completion in completions:
        for length, token in enumerate(completion):
            prefix = tuple(completion[:length])
            if prefix in whole:
                raise ValueError("a completion is the beginning of another: end tokens are missing")
            following = following_of.setdefault(prefix, [])
            if token not in following:
                following.append(token)
    return following_of


def branching_prefixes(following_of: Mapping[Prefix, Sequence[int]]) -> list[Prefix]:
    """Return the beginnings after which there is a choice, and all beginnings of those; sorted."""
    kept: set[Prefix] = {()}
    for prefix, following in following_of.items():
        if len(following) > 1:
            kept.update(prefix[:length] for length in range(len(prefix) + 1))
    return sorted(kept, key=lambda prefix: (len(prefix), prefix))
