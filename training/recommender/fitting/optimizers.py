"""What moves the weights: AdamW, row by row where a step sees a few items only, and its rate."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from training.recommender.config import RecommenderConfig
from training.recommender.fitting.batch_loss import SampledStep
from training.recommender.model.model import SequenceTransformer

MIN_LR_RATIO = 0.02
"""Where the learning rate starts and ends, over its peak."""
MAX_GRADIENT_NORM = 1.0
"""The usual bound, as in fine-tuning."""


class Optimizers:
    """The optimisers of one model, taken as one.

    Only the blocks' matrices decay: cosines ignore an item's length.

    Args:
        model: whose weights they move.
        config: rate and decay.
        by_rows: whether a step touches a few rows of the items' embedding only. Its moments are
            then kept and moved for those rows alone (lazy Adam), so that a step costs the same
            in any catalogue.
    """

    def __init__(
        self, model: SequenceTransformer, config: RecommenderConfig, by_rows: bool
    ) -> None:
        self._config = config
        self._items = model.items.weight
        matrices = [w for _, w in model.blocks.named_parameters() if w.dim() > 1]
        apart = {id(w) for w in matrices} | ({id(self._items)} if by_rows else set())
        others = [w for w in model.parameters() if id(w) not in apart]
        groups = [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self._dense: list[Tensor] = [*matrices, *others]
        rate = config.learning_rate
        self._parts: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=rate, fused=True)]
        if by_rows:
            self._parts.append(torch.optim.SparseAdam([self._items], lr=rate))

    def gradients(self, drawn: SampledStep | None) -> list[Tensor]:
        """Return the gradients of a step, zeros where none came about."""
        found = []
        for leaf in self._leaves(drawn):
            if leaf.grad is None:
                leaf.grad = torch.zeros_like(leaf)
            found.append(leaf.grad)
        return found

    def step(self, progress: float, drawn: SampledStep | None) -> None:
        """Move the weights by their gradients, clipped to a norm of one, and forget these.

        Args:
            progress: share of all steps that lies behind.
            drawn: the rows that took part, where a step touches a few only.
        """
        torch.nn.utils.clip_grad_norm_(self._leaves(drawn), MAX_GRADIENT_NORM)
        if drawn is not None:
            gradient = drawn.own_vectors.grad
            if gradient is None:
                raise RuntimeError("a step follows a backward pass")
            self._items.grad = torch.sparse_coo_tensor(
                drawn.rows[None],
                gradient,
                self._items.shape,
                is_coalesced=True,
                check_invariants=False,
            )
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = learning_rate_at(progress, self._config)
            part.step()
            part.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """Return everything that :meth:`restore` takes, by name."""
        return {
            f"optimizer.{number}.{index}.{name}": torch.as_tensor(value)
            for number, part in enumerate(self._parts)
            for index, moments in part.state_dict()["state"].items()
            for name, value in moments.items()
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from a state that the optimisers of such a model were in."""
        for number, part in enumerate(self._parts):
            content = part.state_dict()
            for key, tensor in tensors.items():
                if key.startswith(f"optimizer.{number}."):
                    index, name = key.split(".")[2:]
                    # lazy Adam counts its steps in a plain number
                    counts = name == "step" and isinstance(part, torch.optim.SparseAdam)
                    of_weight = content["state"].setdefault(int(index), {})
                    of_weight[name] = int(tensor) if counts else tensor
            part.load_state_dict(content)

    def _leaves(self, drawn: SampledStep | None) -> list[Tensor]:
        return self._dense if drawn is None else [*self._dense, drawn.own_vectors]


def learning_rate_at(progress: float, config: RecommenderConfig) -> float:
    """Return the learning rate at a share of all steps: up in a line, then down in a cosine.

    A function of progress alone, and no scheduler of transformers: a resumed training has no
    scheduler's state to restore, and one rate serves both optimisers.

    >>> config = RecommenderConfig(learning_rate=1.0, warmup_share=0.5)
    >>> [round(learning_rate_at(progress, config), 2) for progress in (0.25, 0.5, 1.0)]
    [0.5, 1.0, 0.02]
    """
    if progress < config.warmup_share:
        return config.learning_rate * max(progress / config.warmup_share, MIN_LR_RATIO)
    fallen = (progress - config.warmup_share) / (1 - config.warmup_share)
    cosine = (1 + math.cos(math.pi * fallen)) / 2
    return config.learning_rate * (MIN_LR_RATIO + (1 - MIN_LR_RATIO) * cosine)
