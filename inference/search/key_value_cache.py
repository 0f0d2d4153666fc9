"""Keys and values of a batch of rows: of their prompts, and of the nodes read after them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

# Shapes: B rows, P slots of a prompt, C slots of a row's nodes, n tokens, H key-value heads,
# D head dimension.

SLOTS_TOGETHER = 16
"""Prompts have a multiple of that many slots; see :mod:`inference.search.reader`."""


@dataclass(frozen=True)
class LayerCache:
    """What one layer keeps.

    Attributes:
        prompt_keys: [B, H, P, D], each token in the slot of its position; 0 where there is none.
        prompt_values: [B, H, P, D].
        keys: of the nodes read, in the order of reading, [B * C, H, D].
        values: [B * C, H, D].
    """

    prompt_keys: Tensor
    prompt_values: Tensor
    keys: Tensor
    values: Tensor


class KeyValueCache:
    """All layers of a batch; room is set aside when a layer first has something to keep.

    Args:
        n_rows: B.
        n_prompt: tokens of the longest prompt.
        n_nodes: C.
        prefixes: the cache of prefixes that prompts share.
        prefix_of: the row there that each row here begins with, int64 [B].
    """

    def __init__(
        self,
        n_rows: int,
        n_prompt: int,
        n_nodes: int,
        prefixes: KeyValueCache | None = None,
        prefix_of: Tensor | None = None,
    ) -> None:
        self.n_slots = -(-n_prompt // SLOTS_TOGETHER) * SLOTS_TOGETHER
        self._n_rows = n_rows
        self._n_nodes = n_nodes
        self._prefixes = prefixes
        self._prefix_of = prefix_of
        self._layers: dict[int, LayerCache] = {}

    def layer(self, number: int, keys: Tensor, values: Tensor) -> LayerCache:
        """Return a layer whose keys and values look like these, [n, H, D]."""
        if number not in self._layers:
            before = None if self._prefixes is None else self._prefixes._layers[number]
            self._layers[number] = LayerCache(
                self._prompts(keys, None if before is None else before.prompt_keys),
                self._prompts(values, None if before is None else before.prompt_values),
                keys.new_empty(self._n_rows * self._n_nodes, *keys.shape[1:]),
                values.new_empty(self._n_rows * self._n_nodes, *values.shape[1:]),
            )
        return self._layers[number]

    def _prompts(self, like: Tensor, before: Tensor | None) -> Tensor:
        room = like.new_zeros(self._n_rows, like.shape[1], self.n_slots, like.shape[2])
        if before is not None and self._prefix_of is not None:
            room[:, :, : before.shape[2]] = before.index_select(0, self._prefix_of)
        return room

    @property
    def last_layer(self) -> int | None:
        """The layer that came last to keep something; ``None`` if none did."""
        return next(reversed(self._layers), None)

    @property
    def bytes_per_slot(self) -> int:
        """What one token of one row takes, over all layers."""
        prompts = [
            part
            for layer in self._layers.values()
            for part in (layer.prompt_keys, layer.prompt_values)
        ]
        return sum(part.shape[1] * part.shape[3] * part.element_size() for part in prompts)
