"""A causal transformer over the items of a history, read out by cosine with every item.

Shapes: B histories, S positions, D dimension, H heads, E dimension of a head (D / H),
I items, L layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from expectations.contracts.values import PADDING_INDEX
from training.recommender.config import RecommenderConfig
from training.recommender.data.layout import FIRST_ITEM, ItemLayout

INITIAL_STD = 0.02
"""Of the weights, as in BERT and GPT-2."""
FIRST_CLUSTER = PADDING_INDEX + 1
"""Row of the first cluster; padding has a row of its own here too."""
MLP_RATIO = 4
"""Width of a perceptron's hidden layer over its input's, as in the original transformer."""
DRAWS = 2**16
"""Values of 16 bits: what is dropped is decided by as many for each."""
DRAWS_OF_A_WORD = 4
"""In 64 bits: four decisions come from one draw."""
LEAST_WORD = -(2**63)
"""Of int64, from where on words are drawn."""


class SequenceTransformer(nn.Module):
    """Pre-norm transformer with learned positions; the same item vectors go in and come out.

    After Kang and McAuley, "Self-Attentive Sequential Recommendation" (arXiv 1808.09781), with
    the norm before each part and a cosine for read-out. An item is its own vector plus that of
    its serving cluster, so that an item with few interactions stands near others of its cluster.

    Histories stand at the left of their rows, padding at the right: under a causal mask no item
    ever looks at padding.
    """

    cluster_of_item: Tensor

    def __init__(self, layout: ItemLayout, config: RecommenderConfig) -> None:
        super().__init__()
        self.max_length = config.max_length
        self.dropout = config.dropout
        self.items = _embedding(FIRST_ITEM + layout.n_items, config.dimension)
        self.clusters = _embedding(FIRST_CLUSTER + layout.n_clusters, config.dimension)
        self.register_buffer("cluster_of_item", _cluster_of_index(layout), persistent=False)
        self.positions = _embedding(config.max_length, config.dimension)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.dimension)

    def forward(self, items: Tensor, dropout: torch.Generator | None = None) -> Tensor:
        """Return one unit vector per position: what may follow there.

        Args:
            items: embedding indices, oldest first, padded at the right, int64 ``[B, S]``.
            dropout: draws what is dropped while training; ``None`` drops nothing.

        Raises:
            ValueError: S exceeds ``max_length``.
        """
        return self.forward_vectors(
            self.items(items) + self.cluster_vectors(items), dropout
        )  # [B, S, D]

    def forward_vectors(self, vectors: Tensor, dropout: torch.Generator | None = None) -> Tensor:
        """Return what :meth:`forward` does, of items whose embeddings are at hand.

        Args:
            vectors: an item's own plus that of its cluster, ``[B, S, D]``.
            dropout: draws what is dropped while training; ``None`` drops nothing.

        Raises:
            ValueError: S exceeds ``max_length``.
        """
        n_positions = vectors.shape[1]
        if n_positions > self.max_length:
            raise ValueError(f"{n_positions} positions, {self.max_length} at most")
        hidden = vectors + self.positions.weight[:n_positions]  # [B, S, D]
        hidden = drop(hidden, self.dropout, dropout)  # [B, S, D]
        for block in self.blocks:
            hidden = block(hidden, dropout)  # [B, S, D]
        return functional.normalize(self.norm(hidden), dim=-1)  # [B, S, D]

    def cluster_vectors(self, items: Tensor) -> Tensor:
        """Return the embedding of each item's cluster: indices ``[...]`` give ``[..., D]``."""
        vectors: Tensor = self.clusters(self.cluster_of_item[items])
        return vectors

    def set_item_vectors(self, vectors: Tensor) -> None:
        """Put other vectors ``[I, D]``, in order of row, where the items' own ones stand."""
        with torch.no_grad():
            self.items.weight[FIRST_ITEM:] = vectors

    def item_vectors(self) -> Tensor:
        """Return the unit vector of every item, in order of row, ``[I, D]``."""
        clusters = self.clusters(self.cluster_of_item[FIRST_ITEM:])  # [I, D]
        return functional.normalize(self.items.weight[FIRST_ITEM:] + clusters, dim=-1)  # [I, D]


class Block(nn.Module):
    """Causal self-attention, then a two-layer perceptron, each added to what it read."""

    def __init__(self, config: RecommenderConfig) -> None:
        super().__init__()
        width = config.dimension
        self.n_heads = config.n_heads
        self.dropout = config.dropout
        self.attention_norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.attention_output = nn.Linear(width, width)
        self.perceptron_norm = nn.LayerNorm(width)
        self.up_projection = nn.Linear(width, MLP_RATIO * width)
        self.down_projection = nn.Linear(MLP_RATIO * width, width)

    def forward(self, hidden: Tensor, dropout: torch.Generator | None) -> Tensor:
        """Return the block's output, ``[B, S, D]`` like its input."""
        attended = self._attend(self.attention_norm(hidden))  # [B, S, D]
        hidden = hidden + drop(attended, self.dropout, dropout)  # [B, S, D]
        wide = functional.gelu(self.up_projection(self.perceptron_norm(hidden)))  # [B, S, 4D]
        return hidden + drop(self.down_projection(wide), self.dropout, dropout)  # [B, S, D]

    def _attend(self, hidden: Tensor) -> Tensor:
        b, s, d = hidden.shape
        stacked = self.queries_keys_values(hidden)  # [B, S, 3D]
        split = stacked.view(b, s, 3, self.n_heads, d // self.n_heads)  # [B, S, 3, H, E]
        queries, keys, values = split.permute(2, 0, 3, 1, 4)  # [B, H, S, E] each
        mixed = functional.scaled_dot_product_attention(
            queries, keys, values, is_causal=True
        )  # [B, H, S, E]
        joined = mixed.transpose(1, 2).reshape(b, s, d)  # [B, S, D]
        output: Tensor = self.attention_output(joined)  # [B, S, D]
        return output


def drop(values: Tensor, rate: float, generator: torch.Generator | None) -> Tensor:
    """Zero a share of the values and scale up the rest; the generator decides which.

    Torch's own dropout draws from the global generator, which would tie the result to
    whatever else has drawn from it.
    """
    if generator is None or rate == 0:
        return values
    share = max(1, round((1 - rate) * DRAWS))  # of the possible draws, those that keep a value
    n_words = -(-values.numel() // DRAWS_OF_A_WORD)
    words = torch.empty(n_words, dtype=torch.int64, device=values.device)
    words.random_(LEAST_WORD, None, generator=generator)
    draws = words.view(torch.int16)[: values.numel()].view(values.shape)
    return values * ((draws < share - DRAWS // 2) * (DRAWS / share))


def make_model(
    layout: ItemLayout, config: RecommenderConfig, generator: torch.Generator
) -> SequenceTransformer:
    """Return a fresh model, its weights drawn from ``generator``: normal, biases zero."""
    model = make_empty_model(layout, config)
    with torch.no_grad():
        # By name: which weight is drawn after which follows from the parameters' names.
        for name, weight in sorted(model.named_parameters()):
            if weight.dim() > 1:  # matrices; vectors are biases and norms
                weight.normal_(0, INITIAL_STD, generator=generator)
            else:
                weight.fill_(1.0 if name.endswith("norm.weight") else 0.0)
    return model


def make_empty_model(layout: ItemLayout, config: RecommenderConfig) -> SequenceTransformer:
    """Return a model whose weights are yet to be filled in; nothing is drawn for them."""
    with torch.device("meta"):
        model = SequenceTransformer(layout, config)
    empty: SequenceTransformer = model.to_empty(device="cpu")
    empty.cluster_of_item.copy_(_cluster_of_index(layout))
    return empty


def _embedding(n_rows: int, dimension: int) -> nn.Embedding:
    """Return an embedding of which nothing is drawn yet.

    On the meta device torch would import its compiler to draw nothing: a second of every start.
    """
    empty = torch.empty(n_rows, dimension)
    return nn.Embedding.from_pretrained(empty, freeze=False)  # type: ignore[no-any-return]


def _cluster_of_index(layout: ItemLayout) -> Tensor:
    """Return the row in the clusters' embedding of each embedding index, int64 ``[1 + I]``."""
    of_items = torch.from_numpy(layout.cluster_of_row) + FIRST_CLUSTER  # [I]
    return torch.cat([of_items.new_full((FIRST_ITEM,), PADDING_INDEX), of_items])  # [1 + I]
