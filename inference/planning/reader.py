"""Lets the planner read: beginnings of prompts once, their rests, then places of the tree.

What has been read stays in a key-value cache; an attention mask lets a place see its prompt and
the places on its own way (tree attention: Miao et al., SpecInfer, 2023). So a token is read once,
whatever goes on from it, with the figures of a plain pass over prompt and description.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from expectations.contracts.values import ClusterPair
from inference.planning.description_tree import NOTHING, DescriptionTree
from inference.planning.output_head import OutputHead
from inference.planning.prompts import SharedPrompts, share_prompts
from inference.planning.slots import bytes_per_slot, new_cache, take_rows
from training.planner.model_io import Planner

# Shapes: B rows, F beginnings of P tokens, S tokens of the longest rest, Q places read at once,
# T places read before, M places in the tree, Z outputs of the model's body.


@dataclass(frozen=True)
class OpenRows:
    """Prompts that have been read, ready for places of the tree.

    Attributes:
        cache: P + S slots of the prompt, then those of the places read.
        filled: which of the prompt's slots are no padding, bool [B, P + S].
        lengths: tokens of each prompt, int64 [B].
        places: places in the slots after the prompt, int64 [B, T]; ``NOTHING`` where padded.
        capacity: slots a row has.
        last: the body's output after the prompt, [B, Z].
    """

    cache: Cache
    filled: Tensor
    lengths: Tensor
    places: Tensor
    capacity: int
    last: Tensor

    @property
    def room(self) -> int:
        """Places that can still be read."""
        return self.capacity - int(self.filled.shape[1]) - int(self.places.shape[1])

    def take(self, rows: Tensor) -> OpenRows:
        """Return these rows only."""
        return replace(
            self,
            cache=take_rows(self.cache, rows, self.capacity),
            filled=self.filled[rows],
            lengths=self.lengths[rows],
            places=self.places[rows],
            last=self.last[rows],
        )


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
        """Return what one token of one row takes in the cache."""
        cache = new_cache(1)
        token = torch.zeros(1, 1, dtype=torch.int64, device=self._planner.device)
        self._run(token, torch.ones(1, 1, 1, dtype=torch.bool), token, cache)
        return bytes_per_slot(cache)

    def read_prompts(self, prompts: SharedPrompts, n_places: int) -> OpenRows:
        """Read the prompts; ``n_places`` is the room to set aside for places of each row."""
        n_head, n_tail = prompts.heads.shape[1], prompts.tails.shape[1]
        device = self._planner.device
        capacity = n_head + n_tail + n_places
        head_filled, head_of = prompts.head_filled.to(device), prompts.head_of.to(device)
        tail_filled, lengths = prompts.tail_filled.to(device), prompts.lengths.to(device)
        heads = new_cache(n_head)
        if n_head:
            positions = (head_filled.cumsum(dim=1) - 1).clamp(min=0)  # [F, P]
            self._run(prompts.heads, _causal(head_filled), positions, heads)
        cache = take_rows(heads, head_of, capacity) if n_head else new_cache(capacity)
        before = head_filled[head_of]  # [B, P]
        seen = torch.cat([before[:, None].expand(-1, n_tail, -1), _causal(tail_filled)], dim=2)
        offsets = torch.arange(n_tail, device=device) - n_tail  # [S]
        positions = (lengths[:, None] + offsets).clamp(min=0)  # [B, S]
        last = self._run(prompts.tails, seen, positions, cache)[:, -1]
        return OpenRows(
            cache=cache,
            filled=torch.cat([before, tail_filled], dim=1),
            lengths=lengths,
            places=lengths.new_empty(len(lengths), 0),
            capacity=capacity,
            last=last,
        )

    def read_places(self, rows: OpenRows, places: Tensor) -> tuple[OpenRows, Tensor]:
        """Read places [B, Q] (``NOTHING`` is padding) after those on their ways.

        Returns:
            The rows with these places read (the same cache), and the body's outputs [B, Q, Z].
        """
        known = torch.where(places == NOTHING, 0, places)  # [B, Q]
        tokens = self._tree.place_tokens[known]
        positions = rows.lengths[:, None] + self._tree.place_depths[known] - 1
        slots = torch.cat([rows.places, places], dim=1)  # [B, T + Q]
        ends = torch.where(slots == NOTHING, NOTHING, self._tree.place_ends[slots])
        # a slot lies on the way to a place if the place is the slot's or below it, in preorder
        on_way = (slots[:, None] <= known[:, :, None]) & (known[:, :, None] < ends[:, None])
        seen = torch.cat([rows.filled[:, None].expand(-1, places.shape[1], -1), on_way], dim=2)
        outputs = self._run(tokens, seen, positions, rows.cache)
        return replace(rows, places=slots), outputs

    def _run(self, tokens: Tensor, seen: Tensor, positions: Tensor, cache: Cache) -> Tensor:
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


def _causal(filled: Tensor) -> Tensor:
    """Return what tokens see of each other [rows, n, n]; padding sees itself: no row is empty."""
    size = filled.shape[1]
    earlier = torch.ones(size, size, dtype=torch.bool, device=filled.device).tril()
    alone = torch.eye(size, dtype=torch.bool, device=filled.device)
    return (earlier & filled[:, None]) | alone
