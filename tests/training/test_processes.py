"""One process is a group, too; a GPU that is not there is refused."""

from __future__ import annotations

import pytest
import torch

from expectations.contracts.errors import UserError
from training.processes import join_process_group

CPU = torch.device("cpu")


def test_one_process_is_a_group_of_one() -> None:
    group = join_process_group("cpu", "recommender.device")
    assert (group.rank, group.world_size, group.is_main, group.device) == (0, 1, True, CPU)
    gradient = torch.ones(3)
    group.all_reduce([gradient])
    assert torch.equal(gradient, torch.ones(3))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"recommender\.device: a GPU can be reached"):
        join_process_group("cuda", "recommender.device")
