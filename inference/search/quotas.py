"""What a row must hold: the best of all clusters, and the best of every family.

Each is a quota: so many of some clusters. A row is proven when each of its quotas is: when nothing
that is not read can be among the best of those clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.search.description_tree import NO_NODE, ROOT, DescriptionTree

# Shapes: B rows, G segments of the tree, N clusters; of one quota S segments and C clusters.

EAGERNESS = 0.8
"""How far a step reads ahead, from what must be read (0) to what a guess says will have to be (1).

More reads segments in vain, less takes more passes. With 761 clusters steps fell from 18 to 4 or 5,
and rows read the same 91 nodes (docs/research/planning.md)."""


@dataclass(frozen=True)
class Quota:
    """The best ``depth`` of some clusters, or all of them where there are no more.

    Attributes:
        clusters: ascending, int64 ``[C]``.
        segments: those that lead to some of them, int64 ``[S]``.
        n_below: how many of them are below each of these segments, float64 ``[S]``.
        depth: how many are wanted, at most C.
    """

    clusters: Tensor
    segments: Tensor
    n_below: Tensor
    depth: int

    def find_wanted(self, unread: Tensor, finished: Tensor, margin: float) -> Tensor:
        """Return which segments to read next, bool ``[B, S]``; none where the quota is proven.

        Args:
            unread: scores of segments that are known and not read, else -inf, ``[B, G]``.
            finished: scores of clusters that are known and count, else -inf, ``[B, N]``.
            margin: how far below the last rank a cluster must be known, too.
        """
        unread, finished = unread[:, self.segments], finished[:, self.clusters]  # [B, S], [B, C]
        last = torch.cat([unread, finished], dim=1).topk(self.depth, dim=1).values[:, -1:]
        is_open = torch.isfinite(unread)
        needed = (unread >= last - margin) & is_open  # [B, S]
        guess = self._guess_last(unread, finished)  # [B, 1]
        ahead = last - margin - EAGERNESS * (last - guess)
        least = torch.where(torch.isfinite(last), ahead, guess - margin)  # [B, 1]
        return (unread >= least) & is_open & needed.any(dim=1, keepdim=True)

    def _guess_last(self, unread: Tensor, finished: Tensor) -> Tensor:
        """Return the last rank's score if segments were shared out evenly below them, [B, 1]."""
        shares = torch.cat([unread - self.n_below.log(), finished], dim=1)
        best, at = shares.topk(self.depth, dim=1)  # [B, depth]
        counts = torch.cat([self.n_below, self.n_below.new_ones(finished.shape[1])])[at].cumsum(
            dim=1
        )
        return best.gather(1, (counts >= self.depth).int().argmax(dim=1, keepdim=True))

    def mark_kept(self, scores: Tensor, margin: float) -> Tensor:
        """Return which of its clusters score no more than ``margin`` below its last, ``[B, C]``."""
        found = scores[:, self.clusters]  # [B, C]
        last = found.topk(self.depth, dim=1).values[:, -1:]  # [B, 1]
        return torch.isfinite(found) & (found >= last - margin)

    def bound_errors(
        self, scores: Tensor, unread: Tensor, excluded: Tensor, margin: float
    ) -> Tensor:
        """Return by how much what is unread may exceed its last rank, 0 if it cannot, ``[B]``.

        Args:
            scores: of the clusters found, else -inf, ``[B, N]``.
            unread: as in :meth:`find_wanted`, ``[B, G]``.
            excluded: clusters that do not count, ``[B, N]``.
            margin: by how much what is unread must be below the last rank.
        """
        n_wanted = (~excluded[:, self.clusters]).sum(dim=1)  # [B]
        wants_all = n_wanted <= self.depth
        at = n_wanted.clamp(1, self.depth) - 1
        best = scores[:, self.clusters].topk(self.depth, dim=1).values  # [B, depth]
        last = best.gather(1, at[:, None])[:, 0]  # [B]
        left = unread[:, self.segments].amax(dim=1)  # [B]
        is_whole = wants_all & (torch.isfinite(last) | (n_wanted == 0))
        is_proven = is_whole | (left < last - margin)
        excess = torch.where(torch.isfinite(last), left - last, float("inf")).clamp(min=margin)
        return torch.where(is_proven, 0.0, excess)


def quota_of_all(tree: DescriptionTree, depth: int) -> Quota:
    """Return the quota of the best ``depth`` of all clusters."""
    device = tree.paths.device
    return Quota(
        torch.arange(tree.n_clusters, device=device),
        torch.arange(tree.n_segments, device=device),
        tree.n_clusters_below,
        depth,
    )


def quotas_of_families(
    tree: DescriptionTree, families: Sequence[int], per_family: int
) -> tuple[Quota, ...]:
    """Return the quotas of the best ``per_family`` of every family; none where that is 0.

    Args:
        tree: of the descriptions.
        families: of each cluster.
        per_family: clusters wanted of each.
    """
    if not per_family:
        return ()
    family_of = torch.tensor(list(families), device=tree.paths.device)
    return tuple(
        _quota_of((family_of == family).nonzero()[:, 0], tree, per_family)
        for family in sorted(set(families))
    )


def _quota_of(clusters: Tensor, tree: DescriptionTree, depth: int) -> Quota:
    on_path = tree.paths[clusters]
    n_below = torch.bincount(on_path[on_path != NO_NODE], minlength=tree.n_segments)
    n_below[ROOT] = len(clusters)
    segments = n_below.nonzero()[:, 0]
    return Quota(clusters, segments, n_below[segments].double(), min(depth, len(clusters)))
