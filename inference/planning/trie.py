"""The closed set of descriptions as a token trie in arrays: what the planner may write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.errors import UserError

ROOT = -1


@dataclass(frozen=True)
class Trie:
    """M nodes, each one token after the path to its parent; parents stand before children.

    Every description ends with the end token, so each has a leaf of its own even where one
    description is the beginning of another.

    Attributes:
        tokens: token of each node, int64 [M].
        parents: parent of each node, ``ROOT`` for first tokens, int64 [M].
        depths: 1 for first tokens, int64 [M].
        leaves: the node that ends each description, int64 [descriptions].
    """

    tokens: NDArray[np.int64]
    parents: NDArray[np.int64]
    depths: NDArray[np.int64]
    leaves: NDArray[np.int64]

    @property
    def inner(self) -> NDArray[np.int64]:
        """The nodes that have children, ascending: those a model must read."""
        return np.unique(self.parents[self.parents != ROOT])

    def ancestry(self, nodes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which of ``nodes`` [n] lie on the path to which, itself included, [n, n].

        ``nodes`` must hold the ancestors of all its members.
        """
        place = np.full(len(self.tokens), ROOT)
        place[nodes] = np.arange(len(nodes))
        on_path = np.eye(len(nodes), dtype=bool)
        for row, parent in enumerate(self.parents[nodes]):
            if parent != ROOT:
                on_path[row] |= on_path[place[parent]]
        return on_path

    def sum_paths(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of ``values`` [rows, M] along each description's path [rows, leaves]."""
        totals = values.copy()
        for depth in range(2, int(self.depths.max()) + 1):
            level = np.flatnonzero(self.depths == depth)
            totals[:, level] += totals[:, self.parents[level]]
        return np.asarray(totals[:, self.leaves])


def build_trie(completions: Sequence[Sequence[int]]) -> Trie:
    """Return the trie of these token sequences, each ending with the end token.

    Raises:
        UserError: there is none, one is empty, two are the same, or one goes on after another's
            end: the planner could not tell them apart.
    """
    if not completions:
        raise UserError("descriptions", "there is at least one", "run the clusters stage")
    nodes: dict[tuple[int, int], int] = {}  # (parent, token) -> node
    tokens: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    leaves: list[int] = []
    for completion in completions:
        node = ROOT
        for depth, token in enumerate(completion, 1):
            child = nodes.get((node, token))
            if child is None:
                child = nodes[node, token] = len(tokens)
                tokens.append(token)
                parents.append(node)
                depths.append(depth)
            node = child
        leaves.append(node)
    if ROOT in leaves or len(set(leaves)) < len(leaves) or set(leaves) & set(parents):
        rule = "every description has tokens of its own and an end"
        raise UserError("descriptions", rule, "make the descriptions differ in the tokenizer")
    return Trie(np.array(tokens), np.array(parents), np.array(depths), np.array(leaves))
