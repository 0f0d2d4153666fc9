"""Logits looked up one by one are those of the whole last layer."""

from __future__ import annotations

import pytest
import torch

from inference.search.output_head import LOOKED_UP_TOGETHER, OutputHead
from tests.worlds.planning import make_planner


@pytest.mark.parametrize("architecture", ["llama", "capped"])
@pytest.mark.parametrize("count", [1, LOOKED_UP_TOGETHER, 2 * LOOKED_UP_TOGETHER + 3])
def test_single_logits_are_those_of_all(architecture: str, count: int) -> None:
    planner = make_planner(architecture=architecture)
    head = OutputHead.of(planner)
    rng = torch.Generator().manual_seed(count)
    n_tokens = planner.model.config.vocab_size
    with torch.inference_mode():
        read = torch.randint(n_tokens, (1, 6), generator=rng)
        outputs = head.run_body(input_ids=read, use_cache=False)[0]
        whole = planner.model(input_ids=read, use_cache=False).logits[0]
        source = torch.randint(len(outputs), (count,), generator=rng)
        tokens = torch.randint(n_tokens, (count,), generator=rng)
        found = head.logits_of(outputs, source, tokens)
    assert (head.weight is None) == (architecture == "capped")
    assert torch.allclose(found, whole[source, tokens], atol=1e-5)
