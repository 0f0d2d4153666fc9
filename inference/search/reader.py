"""Lets the planner read: prefixes of prompts once, their suffixes, then nodes of the tree.

Keys and values of what has been read are kept; a node sees its prompt and the nodes on its own
path (tree attention: Miao et al., SpecInfer, 2023). So a token is read once, whatever goes on from
it, with the figures of a plain pass over prompt and description. Most tokens are
*cache-only*: nothing is wanted of them but that others see them, and their reading ends in the last
layer.

On most processors what is read of a row does not depend on what is read beside it, to the last bit:
rows of a matrix product come out alike in any batch but the smallest; sums go over slots that a
token's position alone decides; and tokens come in groups, since what is left over when a processor
takes many numbers at once is computed by another routine. No library promises this, so nothing
relies on it unmeasured: see :mod:`inference.search.arithmetic`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from expectations.contracts.values import ClusterContext
from inference.search.description_tree import NO_NODE, DescriptionTree
from inference.search.key_value_cache import KeyValueCache
from inference.search.output_head import OutputHead
from inference.search.prompts import SharedPrompts, share_prompts
from inference.search.tree_attention import MASKED, CacheFilled, Step, reading
from training.planner.base.model_io import Planner

# Shapes: B rows, F prefixes, C slots of a row's nodes, n tokens read at once over all rows,
# M nodes in the tree, P slots of prompts, Z outputs of the model's body.

TOKENS_AT_ONCE = 2048
"""Tokens in one pass: enough for full speed, few enough to stay near the processor."""

TOKENS_TOGETHER = 64
"""A pass has a multiple of that many tokens."""

QUERIES_TOGETHER = 8
"""A multiple of that many tokens meets a prompt at once."""


@dataclass(frozen=True)
class OpenRows:
    """Prompts that have been read, ready for nodes of the tree.

    Attributes:
        cache: keys and values, with C slots a row for those of nodes.
        lengths: tokens of each prompt, int64 [B].
        slot_of: where the keys and values of each node are that was read and leads on, among
            those of all rows, int64 [B, M].
        used: nodes read, int64 [B].
        capacity: C, and nodes that may be read in a row.
        last: the body's output after the prompt, [B, Z].
    """

    cache: KeyValueCache
    lengths: Tensor
    slot_of: Tensor
    used: Tensor
    capacity: int
    last: Tensor

    @property
    def room(self) -> Tensor:
        """Nodes that can still be read in each row, int64 [B]."""
        return self.capacity - self.used


class PlannerReader:
    """Reads for one planner and one tree.

    Args:
        planner: any Hugging Face causal language model with full attention, in evaluation mode.
        descriptions: by cluster id.
        tree: of their completions, on the planner's device.

    Attributes:
        head: gives logits from the body's outputs.
        bytes_per_slot: what one token of one row takes in memory, all layers together.
    """

    def __init__(
        self, planner: Planner, descriptions: Sequence[str], tree: DescriptionTree
    ) -> None:
        self._planner = planner
        self._descriptions = descriptions
        self._tree = tree
        self.head = OutputHead.of(planner)
        self._last_layer: int | None = None
        with torch.inference_mode():
            probe = self._read_one_token()
        self._last_layer = probe.last_layer
        self.bytes_per_slot = probe.bytes_per_slot

    def share_prompts(self, contexts: Sequence[ClusterContext]) -> SharedPrompts:
        """Return the prompts of these contexts, on the CPU."""
        return share_prompts(self._planner, self._descriptions, contexts)

    def read_prompts(self, prompts: SharedPrompts, n_nodes: int) -> OpenRows:
        """Read the prompts; ``n_nodes`` is the room to set aside for nodes of each row."""
        prompts = prompts.to(self._planner.device)
        lengths, prefix_lengths, prefix_of = (
            prompts.lengths,
            prompts.prefix_lengths,
            prompts.prefix_of,
        )
        prefixes = None
        if prompts.prefixes.shape[1]:
            prefixes = KeyValueCache(len(prefix_lengths), int(prefix_lengths.max()), 0)
            none = torch.zeros_like(prefix_lengths)
            self._read_prompts(prefixes, prompts.prefixes, none, prefix_lengths, is_cache_only=True)
        cache = KeyValueCache(len(lengths), int(lengths.max()), n_nodes, prefixes, prefix_of)
        starts, ends = prefix_lengths[prefix_of], lengths - 1
        self._read_prompts(cache, prompts.suffixes, starts, ends, is_cache_only=True)
        final = prompts.suffixes.gather(1, (ends - starts)[:, None])
        last = self._read_prompts(cache, final, ends, lengths, is_cache_only=False)
        return OpenRows(
            cache=cache,
            lengths=lengths,
            slot_of=lengths.new_full((len(lengths), self._tree.n_nodes), NO_NODE),
            used=torch.zeros_like(lengths),
            capacity=n_nodes,
            last=torch.cat(last),
        )

    def read_nodes(self, rows: OpenRows, row: Tensor, node: Tensor, is_cache_only: bool) -> Tensor:
        """Read nodes [n] of the rows [n] named beside them, after those on their paths.

        Args:
            rows: changed in node: these nodes count as read.
            row: those of a row together.
            node: each once in a row; all above it have been read before or are read now.
            is_cache_only: nothing is wanted of the nodes but that others see them.

        Returns:
            The body's outputs [n, Z], none if cache-only.
        """
        members, counts = row.unique_consecutive(return_counts=True)  # [R], [R]
        rows.used[members] += counts
        group = torch.arange(len(counts), device=row.device).repeat_interleave(counts)
        rank = _rank(counts)
        has_children = self._tree.has_children[node]
        slots = int(rows.slot_of.max()) + has_children.cumsum(0)  # [n], of those that lead on
        rows.slot_of[row[has_children], node[has_children]] = slots[has_children]
        slot = torch.arange(rows.cache.n_slots, device=row.device)
        mask = torch.where(slot < rows.lengths[:, None], 0.0, MASKED)[:, None, None]
        outputs = [rows.last[:0]]
        for span, part in _passes(counts):
            some, found = _in_groups(row[part]), _in_groups(node[part])
            kept = has_children[part].nonzero()[:, 0]
            end = int(slots[part.stop - 1]) + 1
            width = _whole_groups(int(counts[span].max()), QUERIES_TOGETHER)
            step = Step(
                cache=rows.cache,
                rows=members[span],
                mask=mask[members[span]],
                group=_in_groups(group[part]) - span.start,
                rank=_in_groups(rank[part]),
                width=width,
                is_full=len(some) == (span.stop - span.start) * width == part.stop - part.start,
                slots=slice(end - len(kept), end),
                kept=kept,
                ancestors=self._ancestors(rows, some, found),
                last_layer=self._last_layer if is_cache_only else None,
            )
            positions = rows.lengths[some] + self._tree.node_depths[found] - 1
            read = self._run(step, self._tree.node_tokens[found], positions)
            if read is not None:
                outputs.append(read[: part.stop - part.start])
        return torch.cat(outputs)

    def _ancestors(self, rows: OpenRows, row: Tensor, node: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return, for each step up the tree, which tokens have a node there, and its slot."""
        ancestors = []
        tokens, higher = torch.arange(len(row), device=row.device), self._tree.parents[node]
        while len(tokens := tokens[higher != NO_NODE]):
            higher = higher[higher != NO_NODE]
            ancestors.append((tokens, rows.slot_of[row[tokens], higher]))
            higher = self._tree.parents[higher]
        return ancestors

    def _read_one_token(self) -> KeyValueCache:
        cache = KeyValueCache(1, 1, 0)
        one = torch.zeros(1, dtype=torch.int64, device=self._planner.device)
        self._read_prompts(cache, one[:, None], one, one + 1, is_cache_only=False)
        return cache

    def _read_prompts(
        self,
        cache: KeyValueCache,
        tokens: Tensor,
        starts: Tensor,
        ends: Tensor,
        is_cache_only: bool,
    ) -> list[Tensor]:
        """Read tokens [B, .] of positions ``starts .. ends`` [B]; return the last outputs [B, Z].

        What stands before ``starts`` has been read. Outputs come in pieces; cache-only, none.
        """
        counts = ends - starts
        row = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)  # [n]
        rank = _rank(counts)
        positions = starts[row] + rank
        slots = torch.arange(cache.n_slots, device=counts.device)
        last = []
        for span, part in _passes(counts):
            some, offsets = _in_groups(row[part]), _in_groups(rank[part])
            at = _in_groups(positions[part])
            width = _whole_groups(int(counts[span].max()), QUERIES_TOGETHER)
            ranks = torch.arange(width, device=counts.device)
            reach = starts[span, None] + ranks  # [R, Q]
            step = Step(
                cache=cache,
                rows=span,
                mask=torch.where(slots <= reach[:, :, None], 0.0, MASKED)[:, None],
                group=some - span.start,
                rank=offsets,
                width=width,
                is_full=len(some) == (span.stop - span.start) * width == part.stop - part.start,
                slots=at,
                last_layer=self._last_layer if is_cache_only else None,
            )
            read = self._run(step, tokens[some, offsets], at)
            if read is not None:
                last.append(read[counts[span].cumsum(0) - 1])
        return last

    def _run(self, step: Step, tokens: Tensor, positions: Tensor) -> Tensor | None:
        """Return the body's outputs [n, Z] for tokens of many rows, read as one sequence.

        ``None`` if reading ended before the outputs.
        """
        try:
            with reading(self._planner.model.config, step):
                outputs = self.head.run_body(
                    input_ids=tokens[None], position_ids=positions[None], use_cache=False
                )
        except CacheFilled:
            return None
        return outputs[0]


def _rank(counts: Tensor) -> Tensor:
    """Return the number of each entry among those of its row, rows having so many, [n]."""
    starts = counts.cumsum(0) - counts
    before = starts.repeat_interleave(counts)
    return torch.arange(len(before), device=counts.device) - before


def _whole_groups(count: int, size: int) -> int:
    """Return the least multiple of ``size`` that is no less than ``count``."""
    return -(-count // size) * size


def _in_groups(entries: Tensor) -> Tensor:
    """Return the entries, the last one repeated to a multiple of :data:`TOKENS_TOGETHER`."""
    missing = -len(entries) % TOKENS_TOGETHER
    return torch.cat([entries, entries[-1:].expand(missing)]) if missing else entries


def _passes(counts: Tensor) -> Iterator[tuple[slice, slice]]:
    """Yield (rows, their tokens) of passes with up to :data:`TOKENS_AT_ONCE`, one row at least."""
    first, begin, end = 0, 0, 0
    sizes = counts.tolist()
    for number, size in enumerate(sizes):
        if end > begin and end + size - begin > TOKENS_AT_ONCE:
            yield slice(first, number), slice(begin, end)
            first, begin = number, end
        end += size
    if end > begin:
        yield slice(first, len(sizes)), slice(begin, end)
