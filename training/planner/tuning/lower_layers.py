"""The frozen layers below an adapter: what they give for a row is read once and kept.

An adapter on the upper layers alone leaves nothing to learn below. What the lower layers give for
a prompt never changes then, so that from its second time on a step reads the upper ones only; and
no gradient has to go further down.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from expectations.contracts.errors import UserError
from training.planner.base.layers import layers_of
from training.planner.config import PlannerConfig

if TYPE_CHECKING:
    from peft import PeftModel

# Shapes: B rows, b of them not kept yet, S tokens of a row with its padding, Z hidden size.

MEGABYTE = 2**20
PROBE_TOKENS = 8
"""Few: they only have to show whether the upper layers see nothing but what the lower ones gave."""
EXACT_DIFFERENCE, ROUNDED_DIFFERENCE = 1e-4, 0.05
"""Of logits, relative to the largest: in float32, where another order of sums costs 1e-6; else."""


class LowerLayers:
    """Gives what a model's lower layers gave before, in a pass that asks for the same rows.

    Args:
        model: with its adapter, on the upper layers alone.
        n_lower: layers below, 1 at least.
        megabytes: of states kept at most; what goes beyond is read every time.

    Raises:
        UserError: the model's upper layers see more of the lower ones than their states.
    """

    def __init__(self, model: PeftModel, n_lower: int, megabytes: int) -> None:
        layers = list(layers_of(model))
        self._model = model
        self._lower, self._upper = layers[:n_lower], layers[n_lower:]
        self._kept: dict[Hashable, Tensor] = {}
        self._room = megabytes * MEGABYTE
        self._check()

    @classmethod
    def of(cls, model: PeftModel, config: PlannerConfig) -> LowerLayers | None:
        """Return those that the settings leave without an adapter; ``None`` if there are none.

        Raises:
            UserError: the model's upper layers see more of the lower ones than their states.
        """
        if config.lora.layers is None:
            return None
        n_lower = len(layers_of(model)) - config.lora.layers
        return cls(model, n_lower, config.hardware.cache_megabytes) if n_lower else None

    @contextmanager
    def given(
        self, rows: Sequence[Hashable], is_token: Tensor, inputs: Mapping[str, Tensor]
    ) -> Iterator[None]:
        """Let one pass within take what the lower layers give from what is kept of them.

        Args:
            rows: what each row is kept by; it stands for its tokens and what each attends to, B.
            is_token: what is read of a row and no padding, bool [B, S].
            inputs: of the pass, each [B, ...].
        """
        states = self._states(rows, is_token, inputs)
        with _forwards(self._lower, lambda *_, **__: states):
            yield

    def _states(
        self, rows: Sequence[Hashable], is_token: Tensor, inputs: Mapping[str, Tensor]
    ) -> Tensor:
        """Return the states of all rows, 0 at padding, [B, S, Z]."""
        missing = [index for index, row in enumerate(rows) if row not in self._kept]
        found: dict[int, Tensor] = {}
        if missing:
            chosen = torch.tensor(missing, device=is_token.device)
            read = self._read({name: part[chosen] for name, part in inputs.items()})  # [b, S, Z]
            counts = is_token[chosen].sum(dim=1).tolist()
            found = dict(zip(missing, read[is_token[chosen]].split(counts), strict=True))
            for index, piece in found.items():
                self._keep(rows[index], piece)
        pieces = [
            found[index] if index in found else self._kept[row] for index, row in enumerate(rows)
        ]
        joined = torch.cat(pieces)  # [tokens of all rows, Z]
        states = joined.new_zeros(*is_token.shape, joined.shape[1])
        states[is_token] = joined
        return states

    def _keep(self, row: Hashable, piece: Tensor) -> None:
        size = piece.numel() * piece.element_size()
        if row not in self._kept and size <= self._room:
            self._kept[row] = piece.clone()  # not a view, which would hold on to all that was read
            self._room -= size

    def _read(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return what the lower layers give, nothing dropped out, [b, S, Z]."""
        given: list[Tensor] = []

        def take(hidden_states: Tensor, *_: object, **__: object) -> Tensor:
            given.append(hidden_states)
            return hidden_states

        is_training = self._model.training
        self._model.eval()
        with torch.no_grad(), _forwards(self._upper, take):
            self._model(**inputs, use_cache=False, logits_to_keep=1)
        self._model.train(is_training)
        return given[0]

    def _check(self) -> None:
        """Compare a plain pass over a few tokens with one that is given the lower layers' states.

        An upper layer may see more of a lower one than its states, as where layers share keys.
        """
        size = self._model.get_input_embeddings().weight.shape[0]
        tokens = torch.arange(PROBE_TOKENS, device=self._model.device)[None] % size
        is_training = self._model.training
        self._model.eval()
        try:
            with torch.no_grad():
                whole = self._model(input_ids=tokens, use_cache=False).logits.float()
                states = self._read({"input_ids": tokens})
                with _forwards(self._lower, lambda *_, **__: states):
                    split = self._model(input_ids=tokens, use_cache=False).logits.float()
            difference = ((split - whole).abs().max() / whole.abs().max()).item()
        except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
            difference = float("inf")
        self._model.train(is_training)
        is_exact = {weight.dtype for weight in self._model.parameters()} == {torch.float32}
        if not difference <= (EXACT_DIFFERENCE if is_exact else ROUNDED_DIFFERENCE):
            rule = "leaves out layers of a base model whose upper ones see their states alone"
            sample = f"{self._model.config.model_type}, logits off by {difference:.2g}"
            raise UserError("planner.lora.layers", rule, "set it to null", sample)


@contextmanager
def _forwards(layers: Sequence[nn.Module], forward: Callable[..., Tensor]) -> Iterator[None]:
    """Let each of the layers do this in place of its own work."""
    before = [vars(layer).get("forward") for layer in layers]
    for layer in layers:
        vars(layer)["forward"] = forward
    try:
        yield
    finally:
        for layer, own in zip(layers, before, strict=True):
            if own is None:  # its class's
                del vars(layer)["forward"]
            else:
                vars(layer)["forward"] = own
