"""Lets the planner read: beginnings of prompts once, their rests, then places of the tree.

Keys and values of what has been read are kept; a place sees its prompt and the places on its own
way (tree attention: Miao et al., SpecInfer, 2023). So a token is read once, whatever goes on from
it, with the figures of a plain pass over prompt and description.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from expectations.contracts.values import ClusterPair
from inference.planning.description_tree import NOTHING, DescriptionTree
from inference.planning.output_head import OutputHead
from inference.planning.prompts import SharedPrompts, share_prompts
from inference.planning.tree_attention import LayerStates, PlaceStep, reading_places
from training.planner.model_io import Planner

# Shapes: B rows, F beginnings of P tokens, S tokens of the longest rest, C slots of a row's
# places, n places read at once over all rows, M places in the tree, Z outputs of the model's body.

TOKENS_AT_ONCE = 4096
"""Tokens of places in one pass: enough for full speed, few enough to stay near the processor."""


@dataclass(frozen=True)
class OpenRows:
    """Prompts that have been read, ready for places of the tree.

    Attributes:
        layers: keys and values of the prompts, and C slots a row for those of places.
        filled: which of the prompt's slots are no padding, bool [B, P + S].
        lengths: tokens of each prompt, int64 [B].
        slot_of: the slot of each place that was read, among all rows' slots, int64 [B, M].
        used: slots in use, int64 [B].
        capacity: C.
        last: the body's output after the prompt, [B, Z].
    """

    layers: Sequence[LayerStates]
    filled: Tensor
    lengths: Tensor
    slot_of: Tensor
    used: Tensor
    capacity: int
    last: Tensor

    @property
    def room(self) -> Tensor:
        """Places that can still be read in each row, int64 [B]."""
        return self.capacity - self.used


class PlannerReader:
    """Reads for one planner and one tree.

    Args:
        planner: any Hugging Face causal language model with full attention, in evaluation mode.
        descriptions: by cluster id.
        tree: of their completions, on the planner's device.
    """

    def __init__(
        self, planner: Planner, descriptions: Sequence[str], tree: DescriptionTree
    ) -> None:
        self._planner = planner
        self._descriptions = descriptions
        self._tree = tree
        self.head = OutputHead.of(planner)

    def share_prompts(self, contexts: Sequence[ClusterPair]) -> SharedPrompts:
        """Return the prompts of these contexts, on the CPU."""
        return share_prompts(self._planner, self._descriptions, contexts)

    def bytes_per_slot(self) -> int:
        """Return what one token of one row takes in memory, all layers together."""
        cache = DynamicCache()
        token = torch.zeros(1, 1, dtype=torch.int64, device=self._planner.device)
        self._run(token, torch.ones(1, 1, 1, dtype=torch.bool), token, cache)
        states = [part for layer in cache.layers for part in (layer.keys, layer.values)]
        return sum(part.numel() * part.element_size() for part in states)

    def read_prompts(self, prompts: SharedPrompts, n_places: int) -> OpenRows:
        """Read the prompts; ``n_places`` is the room to set aside for places of each row."""
        n_head, n_tail = prompts.heads.shape[1], prompts.tails.shape[1]
        device = self._planner.device
        head_filled, head_of = prompts.head_filled.to(device), prompts.head_of.to(device)
        tail_filled, lengths = prompts.tail_filled.to(device), prompts.lengths.to(device)
        cache = DynamicCache()
        if n_head:
            positions = (head_filled.cumsum(dim=1) - 1).clamp(min=0)  # [F, P]
            self._run(prompts.heads, _causal(head_filled), positions, cache)
            cache.batch_select_indices(head_of)
        before = head_filled[head_of]  # [B, P]
        seen = torch.cat([before[:, None].expand(-1, n_tail, -1), _causal(tail_filled)], dim=2)
        offsets = torch.arange(n_tail, device=device) - n_tail  # [S]
        positions = (lengths[:, None] + offsets).clamp(min=0)  # [B, S]
        last = self._run(prompts.tails, seen, positions, cache)[:, -1]
        return OpenRows(
            layers=[_with_room(layer.keys, layer.values, n_places) for layer in cache.layers],
            filled=torch.cat([before, tail_filled], dim=1),
            lengths=lengths,
            slot_of=lengths.new_full((len(lengths), self._tree.n_places), NOTHING),
            used=torch.zeros_like(lengths),
            capacity=n_places,
            last=last,
        )

    def read_places(self, rows: OpenRows, row: Tensor, place: Tensor) -> Tensor:
        """Read places [n] of the rows [n] named beside them, after those on their ways.

        Args:
            rows: changed in place: these places count as read.
            row: ascending.
            place: each once in a row; all above it have been read before or are read now.

        Returns:
            The body's outputs [n, Z].
        """
        counts = torch.bincount(row, minlength=len(rows.lengths))  # [B]
        starts = counts.cumsum(0) - counts
        rank = torch.arange(len(row), device=row.device) - starts[row]
        rows.slot_of[row, place] = row * rows.capacity + rows.used[row] + rank
        rows.used.add_(counts)
        pieces = []
        for first, stop in _runs(counts.tolist(), TOKENS_AT_ONCE):
            begin, end = int(starts[first]), int(starts[stop - 1] + counts[stop - 1])
            some = slice(begin, end)
            step = self._step(rows, slice(first, stop), row[some], place[some], rank[some])
            pieces.append(self._read_step(rows, step, row[some], place[some]))
        return torch.cat(pieces)

    def _step(
        self, rows: OpenRows, span: slice, row: Tensor, place: Tensor, rank: Tensor
    ) -> PlaceStep:
        dtype = rows.last.dtype
        above = []
        tokens, higher = torch.arange(len(row), device=row.device), self._tree.parents[place]
        while True:
            tokens = tokens[higher[tokens] != NOTHING]
            if not len(tokens):
                break
            above.append((tokens, rows.slot_of[row[tokens], higher[tokens]]))
            higher = torch.where(higher == NOTHING, NOTHING, self._tree.parents[higher])
        hidden = torch.zeros(rows.filled[span].shape, device=row.device)
        hidden.masked_fill_(~rows.filled[span], torch.finfo(dtype).min)
        return PlaceStep(
            layers=rows.layers,
            rows=span,
            hidden=hidden[:, None, None],
            row=row - span.start,
            rank=rank,
            width=int(rank.max()) + 1,
            slots=rows.slot_of[row, place],
            above=above,
        )

    def _read_step(self, rows: OpenRows, step: PlaceStep, row: Tensor, place: Tensor) -> Tensor:
        positions = rows.lengths[row] + self._tree.place_depths[place] - 1
        with reading_places(self._planner.model.config, step):
            return self.head.run_body(
                input_ids=self._tree.place_tokens[place][None],
                position_ids=positions[None],
                use_cache=False,
            )[0]

    def _run(self, tokens: Tensor, seen: Tensor, positions: Tensor, cache: DynamicCache) -> Tensor:
        """Return the body's outputs [B, Q, Z]; ``seen`` [B, Q, slots] is what each token sees."""
        device, dtype = self._planner.device, self._planner.model.dtype
        lowest = torch.finfo(dtype).min
        mask = torch.zeros(seen.shape, dtype=dtype, device=device)
        mask = mask.masked_fill_(~seen.to(device), lowest)[:, None]
        return self.head.run_body(
            input_ids=tokens.to(device),
            attention_mask=mask,
            position_ids=positions.to(device),
            past_key_values=cache,
            use_cache=True,
        )


def _with_room(keys: Tensor, values: Tensor, n_places: int) -> LayerStates:
    """Return a layer's prompts [B, H, P + S, D] with room for places of each row."""
    rooms = (
        part.new_empty(len(part) * n_places, part.shape[1], part.shape[3])
        for part in (keys, values)
    )
    return LayerStates(keys, values, *rooms)


def _runs(counts: Sequence[int], at_most: int) -> Iterator[tuple[int, int]]:
    """Yield (first, stop) of runs of rows with no more than that many tokens, one row at least."""
    first, tokens = 0, 0
    for number, count in enumerate(counts):
        if tokens and tokens + count > at_most:
            yield first, number
            first, tokens = number, 0
        tokens += count
    if tokens:
        yield first, len(counts)


def _causal(filled: Tensor) -> Tensor:
    """Return what tokens see of each other [rows, n, n]; padding sees itself: no row is empty."""
    size = filled.shape[1]
    earlier = torch.ones(size, size, dtype=torch.bool, device=filled.device).tril()
    alone = torch.eye(size, dtype=torch.bool, device=filled.device)
    return (earlier & filled[:, None]) | alone
