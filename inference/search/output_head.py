"""The end of the planner: from its body's outputs to logits, as few of them as are needed.

Most of what a small model computes is logits that nobody asks for. Where the model is a body and
one linear layer, logits are computed token by token asked for; a model that does more to its
logits (scales or caps them, or adapts the last layer) is run whole, and its logits are looked up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from training.planner.base.model_io import Planner

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LOGITS_AT_ONCE = 16_000_000
"""Logits that stand in memory together where all of the vocabulary is needed."""

LOOKED_UP_TOGETHER = 1024
"""Single logits computed together: few enough to stay near the processor."""

OUTPUTS_TOGETHER = 32
"""Outputs whose logits over all of the vocabulary are computed together, or a multiple."""

PROBE_TOLERANCE = 1e-5
"""Relative: some hundred last bits of float32, which another order of summing may cost."""

# Shapes: n outputs of Z numbers, b logits, V vocabulary.


@dataclass(frozen=True)
class OutputHead:
    """How logits are read off: by ``weight`` and ``bias`` from the body's output, or directly.

    Attributes:
        body: what is run; gives hidden states, or logits where ``weight`` is ``None``.
        weight: of the last layer, [V, Z].
        bias: of the last layer, [V].
    """

    body: PreTrainedModel
    weight: Tensor | None
    bias: Tensor | None

    @classmethod
    def of(cls, planner: Planner) -> OutputHead:
        """Return the head of this planner, after trying on a few tokens whether it is linear."""
        model = planner.model.get_base_model() if _is_adapted(planner.model) else planner.model
        layer, body = model.get_output_embeddings(), model.get_decoder()
        tokens = torch.arange(8, device=planner.device)[None] % layer.weight.shape[0]
        with torch.inference_mode():
            whole = model(input_ids=tokens, use_cache=False).logits
            hidden = body(input_ids=tokens, use_cache=False).last_hidden_state
            split = torch.nn.functional.linear(hidden, layer.weight, layer.bias)
        allowed = PROBE_TOLERANCE * whole.abs().max().clamp(min=1)
        if split.shape == whole.shape and (split - whole).abs().max() <= allowed:
            return cls(body, layer.weight, layer.bias)
        return cls(model, None, None)

    def run_body(self, **inputs: object) -> Tensor:
        """Return the body's outputs, [..., Z]."""
        output = self.body(**inputs)
        found: Tensor = output.logits if self.weight is None else output.last_hidden_state
        return found

    def logits_of(self, outputs: Tensor, source: Tensor, tokens: Tensor) -> Tensor:
        """Return single logits, float32 [b]: of ``tokens`` [b] in the outputs numbered ``source``.

        Args:
            outputs: [n, Z].
            source: which output each logit is read from, int64 [b].
            tokens: int64 [b].
        """
        if self.weight is None:
            return outputs[source, tokens].float()
        found = outputs.new_empty(len(tokens), dtype=torch.float32)
        for at in range(0, len(tokens), LOOKED_UP_TOGETHER):
            now = slice(at, at + LOOKED_UP_TOGETHER)
            weights = self.weight.index_select(0, tokens[now]).float()
            rows = outputs.index_select(0, source[now]).float()
            torch.sum(rows.mul_(weights), dim=1, out=found[now])
        return found if self.bias is None else found + self.bias[tokens].float()

    def normalisers(self, outputs: Tensor) -> Tensor:
        """Return the log of the sum of exp(logits) over the whole vocabulary, float32 [n].

        Outputs are taken in groups, so that none depends on how many there are.
        """
        missing = -len(outputs) % OUTPUTS_TOGETHER
        grouped = torch.cat([outputs, outputs[-1:].expand(missing, -1)]).float()
        vocabulary = grouped.shape[1] if self.weight is None else len(self.weight)
        groups = max(1, LOGITS_AT_ONCE // (vocabulary * OUTPUTS_TOGETHER))
        sums = [
            self._logits(part).logsumexp(dim=1) for part in grouped.split(groups * OUTPUTS_TOGETHER)
        ]
        return torch.cat(sums)[: len(outputs)]

    def _logits(self, outputs: Tensor) -> Tensor:
        if self.weight is None:
            return outputs
        bias = None if self.bias is None else self.bias.float()
        return torch.nn.functional.linear(outputs, self.weight.float(), bias)


def _is_adapted(model: PreTrainedModel) -> bool:
    return hasattr(model, "get_base_model")
