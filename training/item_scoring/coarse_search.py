"""Narrows a large catalogue down by products of small integers; what is left is scored exactly.

Shapes: I items, D dimension.
"""

from __future__ import annotations

import numpy as np
import torch

LARGEST = 127
"""What eight bits hold, sign apart."""
ROWS_AT_ONCE = 65_536


class CoarseSearch:
    """Item vectors in eight bits each number: a quarter of the memory to read for a search.

    With ``v`` an item, ``v'`` what its integers stand for, and ``u``, ``u'`` the same of a state,
    the error of a product is at most ``|u - u'| |v| + |u'| |v - v'|`` (Cauchy and Schwarz), plus
    the rounding of float32. An item that lies further than twice the largest such error below the
    k-th best coarse score cannot be among the best k, nor be equal to the last of them.

    Args:
        vectors: of the items in order of place, float32 ``[I, D]``.
    """

    def __init__(self, vectors: np.ndarray) -> None:
        n_items, dimension = vectors.shape
        self._small = torch.empty((n_items, dimension), dtype=torch.int8)  # [I, D]
        self._steps = torch.empty(n_items)  # [I], what one unit of an item stands for
        largest_norm = largest_rest = 0.0
        for start in range(0, n_items, ROWS_AT_ONCE):
            rows = torch.from_numpy(vectors[start : start + ROWS_AT_ONCE])
            steps = rows.abs().amax(dim=1).clamp_min(torch.finfo().tiny) / LARGEST
            small = (rows / steps[:, None]).round().clamp(-LARGEST, LARGEST)
            self._small[start : start + len(rows)] = small.to(torch.int8)
            self._steps[start : start + len(rows)] = steps
            largest_norm = max(largest_norm, float(rows.norm(dim=1).max()))
            rests = rows.sub(small.mul_(steps[:, None])).norm(dim=1)
            largest_rest = max(largest_rest, float(rests.max()))
        self._largest_norm = largest_norm
        self._largest_rest = largest_rest
        self._rounding = 4 * dimension * torch.finfo().eps  # of sums in float32, generously

    def narrow(
        self,
        state: np.ndarray,
        k: int,
        bonus: tuple[np.ndarray, np.ndarray],
        barred: np.ndarray,
    ) -> np.ndarray | None:
        """Return places among which the best ``k`` are, ascending; ``None`` if it cannot tell.

        Args:
            state: who asks, float32 ``[D]``.
            k: how many places are wanted, one at least.
            bonus: places, each once, and what is added to their scores.
            barred: places that may not come back.
        """
        step = float(np.abs(state).max()) / LARGEST
        n_items = len(self._steps)
        if step == 0 or not 0 < k <= n_items - len(barred):
            return None
        small = np.rint(state / step).astype(np.int8)  # [D]
        counts = torch._int_mm(torch.from_numpy(small)[None], self._small.T)[0]  # [I]
        scores = counts.float().mul_(self._steps).mul_(step)  # [I]
        coarse = scores.numpy()
        largest_bonus = float(np.abs(bonus[1]).max(initial=0))
        coarse[bonus[0]] += bonus[1]
        coarse[barred] = -np.inf
        meant = small.astype(np.float64) * step
        norm = float(np.linalg.norm(meant))
        error = float(np.linalg.norm(state - meant)) * self._largest_norm
        error += norm * self._largest_rest
        error += self._rounding * (norm * self._largest_norm + largest_bonus)
        bar = float(torch.topk(scores, k).values[-1])
        return np.flatnonzero(coarse >= bar - 2 * error)
