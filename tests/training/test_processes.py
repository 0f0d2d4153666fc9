"""One process is a team, too; a GPU that is not there is refused."""

from __future__ import annotations

import pytest
import torch

from expectations.contracts.errors import UserError
from training.processes import join_team

CPU = torch.device("cpu")


def test_one_process_is_a_team_of_one() -> None:
    team = join_team("cpu", "recommender.device")
    assert (team.number, team.size, team.is_first, team.device) == (0, 1, True, CPU)
    gradient = torch.ones(3)
    team.add_up([gradient])
    assert torch.equal(gradient, torch.ones(3))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match=r"recommender\.device: a GPU can be reached"):
        join_team("cuda", "recommender.device")
