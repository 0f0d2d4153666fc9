"""A key-value cache with room set aside: new tokens are written into it, nothing is copied."""

from __future__ import annotations

from functools import partial

from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

# Shapes: B rows, H key-value heads, T slots in use, Q new tokens, C capacity, D head dimension.


class SlotLayer(CacheLayerMixin):  # type: ignore[misc]  # transformers is not typed
    """One layer's keys and values, [B, H, C, D] each, of which the first T slots are in use."""

    is_sliding = False

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.used = 0

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Set the room aside, on first use."""
        self.keys, self.values = (
            states.new_empty(*states.shape[:2], self.capacity, states.shape[3])
            for states in (key_states, value_states)
        )
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: object, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Write the new tokens [B, H, Q, D]; return all slots in use, [B, H, T + Q, D]."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self.used + key_states.shape[2]
        self.keys[:, :, self.used : end] = key_states
        self.values[:, :, self.used : end] = value_states
        self.used = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        """Return T."""
        return self.used

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return (slots that the next tokens may see, 0)."""
        return self.used + query_length, 0

    def get_max_length(self) -> int:
        """Return C."""
        return self.capacity

    def take(self, rows: Tensor, capacity: int) -> SlotLayer:
        """Return a layer of these rows (repeats allowed) with that room, sharing nothing."""
        taken = SlotLayer(capacity)
        if self.is_initialized:
            taken.keys, taken.values = (
                _moved(states, rows, self.used, capacity) for states in (self.keys, self.values)
            )
            taken.is_initialized, taken.used = True, self.used
        return taken


def new_cache(capacity: int) -> Cache:
    """Return an empty cache with that many slots a row in every layer."""
    return Cache(layer_class_to_replicate=partial(SlotLayer, capacity))


def take_rows(cache: Cache, rows: Tensor, capacity: int) -> Cache:
    """Return a cache of these rows with that room; see :meth:`SlotLayer.take`."""
    return Cache(layers=[layer.take(rows, capacity) for layer in cache.layers])


def bytes_per_slot(cache: Cache) -> int:
    """Return what one token of one row takes, over all layers."""
    states = [part for layer in cache.layers for part in (layer.keys, layer.values)]
    return sum(part.shape[1] * part.shape[3] * part.element_size() for part in states)


def _moved(states: Tensor, rows: Tensor, used: int, capacity: int) -> Tensor:
    room = states.new_empty(len(rows), states.shape[1], capacity, states.shape[3])
    room[:, :, :used] = states[:, :, :used].index_select(0, rows)
    return room
