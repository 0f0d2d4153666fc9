"""Processor time of this process, the work of a model's linear layers, and what matrices reach."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
from torch.utils.hooks import RemovableHandle

ResultT = TypeVar("ResultT")


class LayerClock:
    """Counts tokens read, and operations and CPU seconds of the linear layers, while it is open."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.tokens, self.operations, self.seconds = 0, 0, 0.0
        self._model = model
        self._hooks: list[RemovableHandle] = []
        self._started = 0.0

    def __enter__(self) -> LayerClock:
        embedding = self._model.get_input_embeddings()  # type: ignore[operator]
        self._hooks = [embedding.register_forward_pre_hook(self._count)]
        for layer in self._model.modules():
            if isinstance(layer, torch.nn.Linear):
                self._hooks.append(layer.register_forward_pre_hook(self._start))
                self._hooks.append(layer.register_forward_hook(self._stop))
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _count(self, _: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self.tokens += inputs[0].numel()

    def _start(self, _: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self._started = time.process_time()

    def _stop(
        self, layer: torch.nn.Linear, inputs: tuple[torch.Tensor, ...], _: torch.Tensor
    ) -> None:
        self.seconds += time.process_time() - self._started
        rows = inputs[0].numel() // layer.in_features
        self.operations += 2 * rows * layer.in_features * layer.out_features


def matrix_peak() -> float:
    """Return the best float32 operations a second over matrix products of several shapes."""
    found = []
    for rows, inner, columns in ((2048, 2048, 2048), (4096, 768, 768), (1024, 1024, 1024)):
        left, right = torch.randn(rows, inner), torch.randn(inner, columns)
        left @ right
        seconds = min(timed(partial(torch.matmul, left, right))[0] for _ in range(15))
        found.append(2 * rows * inner * columns / seconds)
    return max(found)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of this process that the work takes, whatever else is running."""
    return timed(work)[0]


def timed(work: Callable[[], ResultT]) -> tuple[float, ResultT]:
    """Return (CPU seconds, result)."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result
