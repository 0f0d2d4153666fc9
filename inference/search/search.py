"""Best-first search over the tree of descriptions, for a whole batch of prompts at once.

A path into the tree never scores above its prefix, since log-probabilities are not positive.
So a row is finished when no prefix that is left scores above its last rank: what has not been
read cannot belong into it. Each step reads, in every row, exactly the segments that stand among
the best k of all prefixes and finished descriptions: the last rank can only fall below them,
so no exact search could leave one of them out. The same holds among the prefixes that lead to a
family and the descriptions of it (:mod:`inference.search.quotas`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.search.config import Score
from inference.search.description_tree import NO_NODE, ROOT, DescriptionTree
from inference.search.quotas import Quota
from inference.search.reader import OpenRows, PlannerReader

# Shapes: B rows, R of them, G segments, N clusters, M nodes, Q nodes read at once, K segments
# chosen, n read over all rows, b branches from them, Z outputs of the model's body.


@dataclass(frozen=True)
class Frontier:
    """What a batch of prompts is known to say.

    Attributes:
        values: log-score of reaching each segment, then of each cluster's whole description,
            float64 [B, G + N]; minus infinity where not yet known.
        is_read: which segments have been read, bool [B, G].
    """

    values: Tensor
    is_read: Tensor

    @property
    def cluster_scores(self) -> Tensor:
        """Scores of the clusters, [B, N]; minus infinity where not known."""
        return self.values[:, self.is_read.shape[1] :]

    @property
    def unread(self) -> Tensor:
        """Scores of the segments that are known and not read, else minus infinity, [B, G]."""
        reached = self.values[:, : self.is_read.shape[1]]
        return reached.masked_fill(self.is_read, float("-inf"))

    def of(self, rows: Tensor) -> Frontier:
        """Return what is known of these rows, a copy."""
        return Frontier(self.values[rows], self.is_read[rows])


class TreeSearch:
    """Searches one tree with one planner.

    Args:
        reader: of the planner and the tree.
        tree: on the planner's device.
        score: what the tree was grown for.
    """

    def __init__(self, reader: PlannerReader, tree: DescriptionTree, score: Score) -> None:
        self._reader = reader
        self._tree = tree
        self._score = score

    def find_best(
        self, rows: OpenRows, excluded: Tensor, quotas: Sequence[Quota], margin: float
    ) -> Frontier:
        """Read until the clusters that each row must hold are known, or its room is used up.

        Args:
            rows: prompts just read.
            excluded: clusters that do not count, bool [B, N].
            quotas: what a row must hold.
            margin: how far below the last rank a cluster must be known, too.
        """
        frontier = self._open(rows)
        row = torch.arange(len(excluded), device=excluded.device)  # [R], rows that may need more
        while True:
            room = rows.room[row]
            chosen = self._choose(frontier.of(row), excluded[row], quotas, margin, room)  # [R, K]
            goes_on = (chosen != NO_NODE).any(dim=1)
            row, chosen = row[goes_on], chosen[goes_on]
            if not len(row):
                return frontier
            self._read(rows, row, chosen, frontier)

    def follow(self, rows: OpenRows, wanted: Tensor) -> Frontier:
        """Read the paths to the wanted clusters only, all at once; ``wanted`` is bool [B, N]."""
        frontier = self._open(rows)
        tree = self._tree
        on_path = torch.zeros(
            len(wanted), tree.n_segments + 1, dtype=torch.bool, device=wanted.device
        )
        row, cluster = wanted.nonzero(as_tuple=True)
        on_path[row[:, None], tree.paths[cluster]] = True  # NO_NODE falls into the last column
        chosen = _listed(on_path[:, :-1])
        if chosen.shape[1]:
            everything = torch.arange(len(chosen), device=chosen.device)
            self._read(rows, everything, chosen, frontier)
        return frontier

    def _open(self, rows: OpenRows) -> Frontier:
        tree, n_rows = self._tree, len(rows.lengths)
        size = tree.n_segments + tree.n_clusters
        device = rows.last.device
        values = torch.full((n_rows, size), float("-inf"), dtype=torch.float64, device=device)
        values[:, ROOT] = 0
        end = int(tree.branch_starts[1])
        row = torch.arange(n_rows, device=device).repeat_interleave(end)
        tokens = tree.branch_tokens[:end].repeat(n_rows)
        head = self._reader.head
        logits = head.logits_of(rows.last, row, tokens).view(n_rows, end).double()
        if self._score == "closed":
            normalisers = logits.logsumexp(dim=1)
        else:
            normalisers = head.normalisers(rows.last).double()
        values[:, tree.branch_targets[:end]] = logits - normalisers[:, None]
        is_read = torch.zeros(n_rows, tree.n_segments, dtype=torch.bool, device=device)
        is_read[:, ROOT] = True
        return Frontier(values, is_read)

    def _choose(
        self,
        frontier: Frontier,
        excluded: Tensor,
        quotas: Sequence[Quota],
        margin: float,
        room: Tensor,
    ) -> Tensor:
        """Return the segments to read next, best first, int64 [B, K], filled with ``NO_NODE``.

        A row without any is finished, whatever is read in others.
        """
        unread = frontier.unread  # [B, G]
        finished = frontier.cluster_scores.masked_fill(excluded, float("-inf"))
        is_wanted = torch.zeros_like(unread, dtype=torch.bool)
        for quota in quotas:
            is_wanted[:, quota.segments] |= quota.find_wanted(unread, finished, margin)
        most = int(is_wanted.sum(dim=1).max())
        scores, chosen = torch.where(is_wanted, unread, float("-inf")).topk(most, dim=1)
        lengths = (self._tree.segment_nodes != NO_NODE).sum(dim=1)[chosen]  # [B, K]
        fits = lengths.cumsum(dim=1) <= room[:, None]
        return torch.where(torch.isfinite(scores) & fits, chosen, NO_NODE)

    def _read(self, rows: OpenRows, row_of: Tensor, chosen: Tensor, frontier: Frontier) -> None:
        """Read the segments [R, K] chosen in the rows [R]; write what they say."""
        tree = self._tree
        nodes = torch.where(
            (chosen == NO_NODE)[..., None], NO_NODE, tree.segment_nodes[chosen]
        ).flatten(1)  # [R, K * L]
        is_node = nodes != NO_NODE
        order = is_node.sum(dim=1).argsort()  # rows of like numbers of nodes side by side
        number, at = is_node[order].nonzero(as_tuple=True)
        row, node = row_of[order[number]], nodes[order[number], at]
        cache_only = self._are_cache_only(frontier, row, node)
        self._reader.read_nodes(rows, row[cache_only], node[cache_only], is_cache_only=True)
        row, node = row[~cache_only], node[~cache_only]
        outputs = self._reader.read_nodes(rows, row, node, is_cache_only=False)
        self._write(frontier, row, node, outputs)

    def _are_cache_only(self, frontier: Frontier, row: Tensor, node: Tensor) -> Tensor:
        """Return which of the nodes [n] are wanted for no more than to be seen, bool [n].

        Such are the inner ones of segments, where their tokens are sure; they are read before the
        others, so of those only that see nothing of what is read now.
        """
        if self._score == "open":
            return torch.zeros_like(row, dtype=torch.bool)
        tree = self._tree
        is_inner = tree.next_tokens[node] != NO_NODE
        return is_inner & frontier.is_read[row, tree.segments_before[node]]

    def _write(self, frontier: Frontier, row: Tensor, node: Tensor, outputs: Tensor) -> None:
        """Enter what the outputs [n, Z] after these nodes say of segments and clusters."""
        tree, head = self._tree, self._reader.head
        ends = (tree.segment_of_end[node] != NO_NODE).nonzero()[:, 0]
        row_of_end, segment = row[ends], tree.segment_of_end[node[ends]]
        at_end = outputs.index_select(0, ends)
        source, branch = _branches_of(segment, tree.branch_starts)  # [b], [b]
        logits = head.logits_of(at_end, source, tree.branch_tokens[branch]).double()
        if self._score == "closed":
            normalisers = _log_sum_exp(logits, source, len(segment))
            sure = logits.new_zeros(len(segment))
        else:
            everywhere = head.normalisers(outputs).double()  # [n]
            normalisers = everywhere[ends]
            sure = self._forced(frontier, row, node, outputs, everywhere)[row_of_end, segment]
        steps = sure[source] + logits - normalisers[source]  # [b]
        targets, parents = tree.branch_targets[branch], segment[source]
        levels = tree.segment_levels[parents]
        for level in range(int(levels.min()), int(levels.max()) + 1):
            now = levels == level  # parents read in the same step come first
            at = row_of_end[source[now]]
            frontier.values[at, targets[now]] = frontier.values[at, parents[now]] + steps[now]
        frontier.is_read[row_of_end, segment] = True

    def _forced(
        self, frontier: Frontier, row: Tensor, node: Tensor, outputs: Tensor, normalisers: Tensor
    ) -> Tensor:
        """Return the log-probability of the tokens inside each segment read, [B, G]."""
        tree = self._tree
        following = tree.next_tokens[node]
        inner = following != NO_NODE
        numbers = inner.nonzero()[:, 0]
        own = self._reader.head.logits_of(outputs, numbers, following[inner]).double()
        own -= normalisers[inner]
        # one column more than there are nodes: the filling of segment_nodes points at it
        log_probs = own.new_zeros(len(frontier.values), tree.n_nodes + 1, dtype=torch.float64)
        log_probs[row[inner], node[inner]] = own
        return log_probs[:, tree.segment_nodes].sum(dim=2)


def _branches_of(segment: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
    """Return (which entry of ``segment`` each branch is from, the branch), over all entries."""
    counts = starts[segment + 1] - starts[segment]  # [n]
    source = torch.arange(len(segment), device=segment.device).repeat_interleave(counts)
    before = counts.cumsum(0) - counts
    inside = torch.arange(len(source), device=segment.device) - before[source]
    return source, starts[segment][source] + inside


def _log_sum_exp(logits: Tensor, source: Tensor, n_sources: int) -> Tensor:
    """Return log(sum(exp)) of the logits of each source, [n]; those of one source are together."""
    counts = torch.bincount(source, minlength=n_sources)
    highest = torch.segment_reduce(logits, "max", lengths=counts)
    total = torch.segment_reduce((logits - highest[source]).exp(), "sum", lengths=counts)
    return highest + total.log()


def _listed(marked: Tensor) -> Tensor:
    """Return the marked columns of each row in order, filled with ``NO_NODE``, [B, K]."""
    columns = torch.arange(marked.shape[1], device=marked.device).expand_as(marked)
    return _left_aligned(torch.where(marked, columns, NO_NODE))


def _left_aligned(table: Tensor) -> Tensor:
    """Return the table with each row's entries at its beginning, no wider than need be."""
    missing = table == NO_NODE
    width = int((~missing).sum(dim=1).max()) if table.numel() else 0
    order = missing.to(torch.int8).argsort(dim=1, stable=True)[:, :width]
    return table.gather(1, order)
