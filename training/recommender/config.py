"""Settings of the sequence recommender: section ``recommender`` of ``params.yaml``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from training.config import Config, Device, Precision


class NeighbourConfig(Config):
    """The counting model beside the transformer: ``data/neighbours.py``.

    The defaults did best on validation windows; docs/experiments.md has what was tried. Steps and
    histories decay geometrically since what is far away tells less, and weighing all steps alike,
    or both directions, ranks clearly worse there.
    """

    weight: float = Field(default=5.0, ge=0)
    """Of the counting model's part in a score; 0 leaves it out."""
    floor: float = Field(default=10.0, gt=0)
    """An item's share begins to tell where it is so many times that of an average item."""
    window: int = Field(default=50, ge=1)
    """Two items count as near that stand so many steps apart at most."""
    step_decay: float = Field(default=0.85, gt=0, le=1)
    """Weight of a pair over that of one a step nearer."""
    backward: float = Field(default=0.5, ge=0, le=1)
    """Weight of the later item leading to the earlier one, over the other direction."""
    earlier_power: float = Field(default=0.3, ge=0, le=1)
    """Counts are divided by the likes of the item in the history to this power."""
    later_power: float = Field(default=0.2, ge=0, le=1)
    """And by those of the item to be scored: 0 favours what is popular, 1 what is rare."""
    history_decays: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        default=(0.75, 0.9), min_length=1
    )
    """Weight of an item of the history over the next newer one. Of several the first counts,
    unless another does clearly better on validation: interests move here, and last there."""
    max_neighbours: int = Field(default=200, ge=1)
    """Kept of each item, the heaviest."""


class RecommenderConfig(Config):
    """The model, how it is trained, and when training stops."""

    # model
    dimension: int = Field(default=128, ge=2)
    """Of an item's vector, and width of a layer; a multiple of ``n_heads``."""
    n_layers: int = Field(default=2, ge=1)
    """Of the transformer."""
    n_heads: int = Field(default=2, ge=1)
    """Of attention."""
    max_length: int = Field(default=50, ge=1)
    """Items of a history that the model sees, the newest ones."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Of the input and of every layer, in training."""
    temperature: float = Field(default=0.06, gt=0)
    """Divides the cosine between a history and an item. Cosines lie within -1 and 1: undivided, a
    softmax over thousands of items could make none of them likely. The lower, the more a loss
    heeds the items that are hardest to tell from the target."""

    neighbours: NeighbourConfig = NeighbourConfig()
    """The counting model whose part is added to the transformer's score."""

    item_text: bool = False
    """Whether items that nobody liked are embedded by their text."""

    # training
    warm_start: bool = True
    """Start from item vectors that counting gives, and not from noise."""
    max_epochs: int = Field(default=8, ge=1)
    """The learning rate falls to its end over this many epochs."""
    batch_tokens: int = Field(default=512, ge=1)
    """Positions with a loss in one optimiser step."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """At its height."""
    weight_decay: float = Field(default=0.1, ge=0)
    """Of AdamW."""
    loss: Literal["auto", "full", "sampled", "gbce"] = "auto"
    """``auto`` is the softmax over all items or, of a large catalogue, over drawn ones."""
    full_softmax_items: int = Field(default=50_000, ge=1)
    """Catalogue size up to which ``auto`` means all items."""
    n_negatives: int = Field(default=4096, ge=1)
    """Items drawn in each step, where not all are taken."""
    gbce_calibration: float = Field(default=0.75, ge=0, le=1)
    """From 0, plain binary cross-entropy, to 1, where scores become true chances."""
    warmup_share: float = Field(default=0.05, ge=0, lt=1)
    """Share of all steps over which the learning rate rises."""

    device: Device = "auto"
    """Where it is trained; ``auto`` is a GPU where there is one."""
    precision: Precision = "auto"
    """Of products; ``auto`` is bfloat16 where the device multiplies it: on a processor those of
    the loss, on a GPU all."""

    # when to stop
    patience: int = Field(default=3, ge=1)
    """Epochs without a better validation NDCG@10 after which training stops."""
    max_validation_users: int = Field(default=5000, ge=1)
    """Users that validation NDCG@10 is taken on at most."""
    refit: bool = True
    """Train again, for the best number of epochs, with the validation window included."""

    @model_validator(mode="after")
    def _heads_divide_the_dimension(self) -> RecommenderConfig:
        if self.dimension % self.n_heads:
            raise ValueError("dimension must be a multiple of n_heads")
        return self
