"""Plans batches of contexts exactly: the planner's side of the novel-cluster table.

Rows are exact to the depth asked, and say so (:attr:`RankedContexts.certified`). On a GPU the
search may run in bfloat16: what it finds within a margin of the last rank is then scored in
float32, and a row is certified if no score moved by more than half the margin.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from expectations.contracts.errors import UserError
from expectations.contracts.values import ClusterContext
from inference.search.arithmetic import BY_BATCH, BY_ROW, name_arithmetic
from inference.search.config import BATCH_SETTINGS, TableConfig
from inference.search.description_tree import NO_NODE, DescriptionTree, build_description_tree
from inference.search.key_value_cache import SLOTS_TOGETHER
from inference.search.prompts import SharedPrompts
from inference.search.quotas import Quota, quota_of_all, quotas_of_families
from inference.search.ranking import (
    RankedContexts,
    depth_of_family,
    rank_scores,
    row_depth,
)
from inference.search.reader import PlannerReader
from inference.search.search import TreeSearch
from training.planner.base.model_io import Planner

# Shapes: B contexts in a batch, N clusters, C candidates.

ROWS_COMPARED = 6
"""Rows by which an engine finds out whether the batch moves their bits: alone, one takes most of
the routines that a pass of few tokens may take."""

ROWS_SEARCHED = 2
"""Rows of these that a search looks at, too: step by step, which costs most."""

GUARD_TOLERANCE = 2e-3
"""Log-probabilities may differ from those of a plain pass by that much, in float32: some hundred
times the 2.9e-6 that another size of batch was measured to change, and far below what another
attention does."""


class UnreadableModelError(UserError):
    """The model's attention cannot be replaced, or not without another result."""


class PlanningEngine:
    """Ranks clusters in contexts, by one planner and one closed set of descriptions.

    Args:
        planner: any Hugging Face causal language model with full attention and its tokenizer, an
            adapter merged or not; in float32 and evaluation mode.
        descriptions: of each cluster, by id.
        families: of each cluster, see :func:`~inference.search.ranking.families_of`.
        config: score, depth, precision of the search, bounds on memory.

    Raises:
        UserError: two descriptions are the same to the tokenizer.
        UnreadableModelError: read node by node the model does not give the figures of a plain
            pass, as with attention to a sliding window.
    """

    def __init__(
        self,
        planner: Planner,
        descriptions: Sequence[str],
        families: Sequence[int],
        config: TableConfig,
    ) -> None:
        self._config = config
        self._n_clusters = len(descriptions)
        self._families = families
        self._device = planner.device
        completions = [planner.encode_completion(text) for text in descriptions]
        self._tree = build_description_tree(completions, config.score).to(planner.device)
        per_family = depth_of_family(len(descriptions), config)
        self._quotas = quotas_of_families(self._tree, families, per_family)
        _check_reading(planner, descriptions, self._tree)
        self._exact = _Pass(planner, descriptions, self._tree, config)
        self._fast: _Pass | None = None
        if config.search_dtype == "bfloat16":
            fast_scores = replace(planner, model=copy.deepcopy(planner.model).bfloat16())
            self._fast = _Pass(fast_scores, descriptions, self._tree, config)
        self.peak_cache_bytes = 0

    @cached_property
    def arithmetic(self) -> str:
        """What the last bits of its rows rest on, measured; see :mod:`arithmetic`.

        Under the closed score nobody asks whether that is the row alone: every row rests on all
        descriptions there, so none outlives a change of one.
        """
        if self._config.score == "open" and self._rows_stand_alone():
            return name_arithmetic(self._device, BY_ROW)
        settings = self._config.model_dump(include=set(BATCH_SETTINGS))
        return name_arithmetic(self._device, BY_BATCH, settings)

    def rank_batch(self, contexts: Sequence[ClusterContext]) -> RankedContexts:
        """Return the rows of these contexts, all with equally many members.

        Raises:
            UserError: the planner gives something that is not a number.
        """
        depth = row_depth(self._n_clusters, len(contexts[0].members), self._config)
        excluded = mark([context.members for context in contexts], self._n_clusters)  # [B, N]
        found = [self._find(part, rows, depth) for part, rows in self._parts(contexts, excluded)]
        scores = np.concatenate([scores for scores, _ in found])  # [B, N]
        ranked = rank_scores(scores, contexts, self._config, self._families)
        return replace(
            ranked,
            error_bounds=np.concatenate([bounds for _, bounds in found]),
            arithmetic=self.arithmetic,
        )

    def score_candidates(
        self, contexts: Sequence[ClusterContext], candidates: Sequence[int]
    ) -> NDArray[np.float64]:
        """Return the scores of these clusters in every context, [B, C].

        Raises:
            UserError: the planner gives something that is not a number.
        """
        wanted = mark([candidates] * len(contexts), self._n_clusters)  # [B, N]
        found = [
            _numbers(self._exact.follow(part, rows)) for part, rows in self._parts(contexts, wanted)
        ]
        return np.concatenate(found)[:, list(candidates)]

    def _rows_stand_alone(self) -> bool:
        """Return whether rows have the same bits in any batch, and wherever less is read."""
        n_clusters = self._n_clusters
        if n_clusters < 2:
            return True
        firsts = range(0, n_clusters, -(-n_clusters // ROWS_COMPARED))
        contexts = [ClusterContext.of(first, (first + 1) % n_clusters) for first in firsts]
        together = self.score_candidates(contexts, range(n_clusters))  # [R, N]
        backwards = self.score_candidates(contexts[::-1], range(n_clusters))[::-1]
        alone = [self.score_candidates([context], range(n_clusters)) for context in contexts]
        companies = [slice(row, row + 1) for row in range(len(contexts))]
        companies += [slice(0, size) for size in range(2, len(contexts))]
        partly = [
            self._read_some(contexts[rows], 1 + number % (n_clusters - 1))
            for number, rows in enumerate(companies)
        ]
        found_best = [self._search_alone(context) for context in contexts[:ROWS_SEARCHED]]
        return all(
            np.array_equal(found, np.where(np.isfinite(found), together[rows], found))
            for found, rows in zip(
                [backwards, np.concatenate(alone), *partly, *found_best],
                [slice(None), slice(None), *companies, *companies[:ROWS_SEARCHED]],
                strict=True,
            )
        )

    def _read_some(self, contexts: Sequence[ClusterContext], count: int) -> NDArray[np.float64]:
        """Return scores of ``count`` clusters and what is met on the way, else -inf, [R, N]."""
        some = mark([range(count)] * len(contexts), self._n_clusters)
        found = [self._exact.follow(*part) for part in self._parts(contexts, some)]
        return _numbers(torch.cat(found))

    def _search_alone(self, context: ClusterContext) -> NDArray[np.float64]:
        """Return scores of what a search for the best cluster meets, else -inf, [1, N]."""
        nothing = torch.zeros(1, self._n_clusters, dtype=torch.bool)
        ((prompts, none),) = self._parts([context], nothing)
        best = [quota_of_all(self._tree, 1)]
        return _numbers(self._exact.find_best(prompts, none, best, self._config.score_step)[0])

    def _parts(
        self, contexts: Sequence[ClusterContext], marked: Tensor
    ) -> Iterator[tuple[SharedPrompts, Tensor]]:
        """Yield (prompts, rows of ``marked``) of as many contexts as the cache may hold at once."""
        prompts = self._exact.share_prompts(contexts)
        slots = int(prompts.lengths.max()) + SLOTS_TOGETHER + self._exact.room
        bytes_per_row = slots * self._exact.bytes_per_slot
        at_once = max(1, self._config.cache_megabytes * 2**20 // bytes_per_row)
        for rows in torch.arange(len(contexts)).split(at_once):
            self.peak_cache_bytes = max(self.peak_cache_bytes, len(rows) * bytes_per_row)
            yield prompts.part(rows), marked[rows].to(self._tree.branch_tokens.device)

    def _find(
        self, prompts: SharedPrompts, excluded: Tensor, depth: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return (scores of the clusters found [B, N], error bounds [B])."""
        if depth == int((~excluded).sum(dim=1).max()):
            scores = self._exact.follow(prompts, ~excluded)
            return _numbers(scores), np.zeros(len(excluded), dtype=np.float32)
        quotas = [quota_of_all(self._tree, depth), *self._quotas]
        if self._fast is None:
            step = self._config.score_step
            scores, unread = self._exact.find_best(prompts, excluded, quotas, step)
            bounds = _bounds(scores, unread, excluded, quotas, step)
        else:
            scores, bounds = self._find_by_fast_search(self._fast, prompts, excluded, quotas)
        unproven = bounds.nonzero()[:, 0]
        if len(unproven) and self._tree.n_nodes <= self._config.nodes_per_row:
            rest = self._exact.follow(prompts.part(unproven.cpu()), ~excluded[unproven])
            scores[unproven], bounds[unproven] = rest, 0
        return _numbers(scores), bounds.float().cpu().numpy()

    def _find_by_fast_search(
        self, fast: _Pass, prompts: SharedPrompts, excluded: Tensor, quotas: Sequence[Quota]
    ) -> tuple[Tensor, Tensor]:
        """Search with ``fast``, score exactly what it found; see :meth:`_find`."""
        margin = self._config.search_margin
        fast_scores, unread = fast.find_best(prompts, excluded, quotas, margin)
        kept = torch.zeros_like(excluded)  # [B, N]
        for quota in quotas:
            kept[:, quota.clusters] |= quota.mark_kept(fast_scores, margin)
        scores = self._exact.follow(prompts, kept).masked_fill(~kept, float("-inf"))
        moved = torch.where(kept, (scores - fast_scores).abs(), 0.0).amax(dim=1)  # [B]
        slack = (2 * moved - margin).clamp(min=0)
        return scores, torch.maximum(slack, _bounds(fast_scores, unread, excluded, quotas, margin))


class _Pass:
    """One copy of the planner, ready to read."""

    def __init__(
        self,
        planner: Planner,
        descriptions: Sequence[str],
        tree: DescriptionTree,
        config: TableConfig,
    ) -> None:
        self._reader = PlannerReader(planner, descriptions, tree)
        self._search = TreeSearch(self._reader, tree, config.score)
        whole = len(descriptions) <= config.whole_up_to
        self._n_nodes = tree.n_nodes
        self.room = tree.n_nodes if whole else min(tree.n_nodes, config.nodes_per_row)
        self.bytes_per_slot = self._reader.bytes_per_slot
        self.share_prompts = self._reader.share_prompts

    def find_best(
        self, prompts: SharedPrompts, excluded: Tensor, quotas: Sequence[Quota], margin: float
    ) -> tuple[Tensor, Tensor]:
        """Return (scores of the clusters found [B, N], of the segments that are unread [B, G])."""
        with torch.inference_mode():
            rows = self._reader.read_prompts(prompts, self.room)
            frontier = self._search.find_best(rows, excluded, quotas, margin)
            scores = frontier.cluster_scores.masked_fill(excluded, float("-inf"))
            return scores, frontier.unread

    def follow(self, prompts: SharedPrompts, wanted: Tensor) -> Tensor:
        """Return the scores of the wanted clusters, and of others met on the path, [B, N]."""
        with torch.inference_mode():
            rows = self._reader.read_prompts(prompts, max(self.room, self._n_nodes))
            return self._search.follow(rows, wanted).cluster_scores


def mark(rows: Sequence[Sequence[int]], n_columns: int) -> Tensor:
    """Return a table, bool [rows, n_columns], that is true at the columns that each row lists."""
    marked = torch.zeros(len(rows), n_columns, dtype=torch.bool)
    lengths = torch.tensor([len(row) for row in rows])
    columns = torch.tensor([column for row in rows for column in row])
    marked[torch.arange(len(rows)).repeat_interleave(lengths), columns] = True
    return marked


def _bounds(
    scores: Tensor, unread: Tensor, excluded: Tensor, quotas: Sequence[Quota], margin: float
) -> Tensor:
    """Return the largest error bound of each row's quotas, [B]; see :meth:`Quota.bound_errors`."""
    bounds = [quota.bound_errors(scores, unread, excluded, margin) for quota in quotas]
    return torch.stack(bounds).amax(dim=0)


def _numbers(scores: Tensor) -> NDArray[np.float64]:
    if bool(torch.isnan(scores).any()):
        raise UserError("planner", "gives finite log-probabilities", "train it again")
    return np.asarray(scores.cpu().numpy())


def _check_reading(planner: Planner, descriptions: Sequence[str], tree: DescriptionTree) -> None:
    """Compare the longest path through the tree, read node by node, with one plain pass."""
    rule = "reads nodes of a tree with the figures of a plain pass"
    remedy = (
        "choose a model with full attention in every layer, by transformers' attention functions"
    )
    if not tree.n_nodes:
        return
    steps = [int(tree.node_depths.argmax())]
    while (parent := int(tree.parents[steps[-1]])) != NO_NODE:
        steps.append(parent)
    path = torch.tensor(steps[::-1], device=planner.device)
    context = ClusterContext.of(*range(min(2, len(descriptions))))
    prompt = planner.encode_prompt([descriptions[member] for member in context.members])
    tokens = torch.tensor([[*prompt, *tree.node_tokens[path].tolist()]], device=planner.device)
    with torch.inference_mode():
        plain = planner.model(input_ids=tokens, use_cache=False).logits[0, -1].float()
        try:
            reader = PlannerReader(planner, descriptions, tree)
            rows = reader.read_prompts(reader.share_prompts([context]), len(path))
            row, end = torch.zeros_like(path), len(path) - 1
            reader.read_nodes(rows, row[:end], path[:end], is_cache_only=True)
            outputs = reader.read_nodes(rows, row[end:], path[end:], is_cache_only=False)
        except (AttributeError, RuntimeError, TypeError, ValueError) as error:
            raise UnreadableModelError("planner", rule, remedy, str(error)) from None
        everything = torch.arange(len(plain), device=planner.device)
        logits = reader.head.logits_of(outputs, torch.zeros_like(everything), everything)
        read = logits - reader.head.normalisers(outputs)
    difference = (plain.log_softmax(0) - read).abs().max().item()
    if not difference <= GUARD_TOLERANCE and bool(torch.isfinite(plain).all()):
        raise UnreadableModelError("planner", rule, remedy, f"they differ by {difference:.2g}")
