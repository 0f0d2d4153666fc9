"""The processes that train one model together, and the device of each.

One process is the rule. Several are started by `accelerate launch` (or torchrun), which tells each
its number; they see the same batches, take a share of every one, and add up their gradients.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from accelerate import PartialState
from accelerate.utils import reduce
from torch import Tensor

from expectations.contracts.errors import UserError
from training.config import Device


@dataclass(frozen=True)
class Team:
    """This process among those that train together.

    Attributes:
        number: of this process, from 0; the first one reports and keeps checkpoints.
        size: processes in all.
        device: where this one computes.
    """

    number: int
    size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process speaks for all."""
        return self.number == 0

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Make each tensor the sum of what it is in all processes, in one message."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        total = reduce(flat, reduction="sum")
        pieces = total.split([tensor.numel() for tensor in tensors])
        for tensor, piece in zip(tensors, pieces, strict=True):
            tensor.copy_(piece.view_as(tensor))

    def agree(self, tensors: Sequence[Tensor]) -> None:
        """Make each tensor in all processes what it is in the first."""
        if not self.is_first:
            for tensor in tensors:
                tensor.zero_()
        self.add_up(tensors)


def join_team(device: Device, setting: str) -> Team:
    """Return this process's place, by the device that is asked for and what launched it.

    Args:
        device: a kind, or ``auto`` for a GPU where there is one.
        setting: the name of the setting that says so, for whom it has to be told.

    Raises:
        UserError: a GPU is asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if device == "cuda" and not has_gpu:
        raise UserError(setting, "a GPU can be reached", "set it to auto or cpu")
    on_gpu = has_gpu and device != "cpu"
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Team(0, 1, torch.device("cuda" if on_gpu else "cpu"))
    state = PartialState(cpu=not on_gpu)
    return Team(state.process_index, state.num_processes, state.device)
