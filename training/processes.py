"""The processes that train one model together, and the device of each.

One process is the rule. Several are started by `accelerate launch` (or torchrun), which tells each
its rank; they see the same batches, take a share of every one, and all-reduce their gradients.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from accelerate import PartialState
from accelerate.utils import broadcast, reduce
from torch import Tensor

from expectations.contracts.errors import UserError
from training.config import Device


@dataclass(frozen=True)
class ProcessGroup:
    """This process among those that train together.

    Attributes:
        rank: of this process, from 0; the first one reports and keeps checkpoints.
        world_size: processes in all.
        device: where this one computes.
    """

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this process speaks for all."""
        return self.rank == 0

    def all_reduce(self, tensors: Sequence[Tensor]) -> None:
        """Make each tensor the sum of what it is in all processes."""
        if self.world_size > 1:
            for tensor, total in zip(tensors, reduce(list(tensors), reduction="sum"), strict=True):
                tensor.copy_(total)

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Make each tensor in all processes what it is in the first."""
        if self.world_size > 1:
            broadcast(list(tensors))  # torch fills the tensors themselves


def join_process_group(device: Device, setting: str) -> ProcessGroup:
    """Return this process's rank and device, by what is asked for and what launched it.

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
        return ProcessGroup(0, 1, torch.device("cuda" if on_gpu else "cpu"))
    state = PartialState(cpu=not on_gpu)
    return ProcessGroup(state.process_index, state.num_processes, state.device)
