"""Exact scores of every description after every prompt: one forward pass over prompt and trie.

The score is the full-softmax log-probability of the whole completion, end token included: what
the planner gives to writing exactly this description and stopping, anything being allowed. All
trie nodes stand in one sequence behind the prompt; an attention mask lets each see the prompt
and its own path only (tree attention: Miao et al., SpecInfer, 2023), so that one pass gives the
same figures as one pass per description.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from expectations.contracts.errors import UserError
from expectations.contracts.values import ClusterPair
from inference.planning.trie import Trie, build_trie
from training.planner.decode import pad_left
from training.planner.model_io import Planner

# Shapes: B prompts in a batch, P tokens of the longest of them, I inner trie nodes, M trie nodes,
# L = P + I tokens in a pass, V vocabulary, N descriptions.


def score_descriptions(
    planner: Planner,
    contexts: Sequence[ClusterPair],
    descriptions: Sequence[str],
    batch_rows: int,
    logits_at_once: int,
) -> NDArray[np.float64]:
    """Return the log-probability of every description in every context, [contexts, N].

    See :class:`DescriptionScorer`, which it makes for one use.
    """
    scorer = DescriptionScorer(planner, tuple(descriptions), logits_at_once, batch_rows)
    pieces = [
        scorer.score_batch(contexts[start : start + batch_rows])
        for start in range(0, len(contexts), batch_rows)
    ]
    return np.concatenate(pieces)


class DescriptionScorer:
    """Scores batches of contexts against one closed set of descriptions.

    Args:
        planner: any Hugging Face causal language model that takes a four-dimensional attention
            mask and position ids; in float32, for figures that other batch sizes reproduce.
        descriptions: of each cluster, by id.
        logits_at_once: bound on rows x trie nodes x vocabulary in one pass, that is on memory;
            a trie that is larger is cut into several, each with whole paths.
        batch_rows: contexts in a batch; with it the cut of the trie is fixed, whatever the
            number of contexts in the last batch.

    Raises:
        UserError: two descriptions are the same to the tokenizer.
    """

    def __init__(
        self,
        planner: Planner,
        descriptions: tuple[str, ...],
        logits_at_once: int,
        batch_rows: int,
    ) -> None:
        self._planner = planner
        self._descriptions = descriptions
        completions = [planner.encode_completion(text) for text in descriptions]
        build_trie(completions)  # refuses sets that cannot be told apart, before any cut
        vocabulary = planner.model.get_output_embeddings().weight.shape[0]
        most_nodes = max(1, logits_at_once // (batch_rows * vocabulary))
        self._parts = [_lay_out(part) for part in _cut(completions, most_nodes)]

    def score_batch(self, contexts: Sequence[ClusterPair]) -> NDArray[np.float64]:
        """Return the log-probabilities of all descriptions after these prompts, [B, N].

        Raises:
            UserError: the planner gives something that is not a number.
        """
        prompts = [
            self._planner.encode_prompt([self._descriptions[member] for member in pair.members])
            for pair in contexts
        ]
        tokens, filled = pad_left(prompts, self._planner.pad_token_id)  # [B, P], [B, P]
        with torch.inference_mode():
            scores = [self._score_part(part, tokens, filled.bool()) for part in self._parts]
        order = np.argsort(np.concatenate([part.members for part in self._parts]))
        joined = np.concatenate(scores, axis=1)[:, order]  # [B, N]
        if not np.isfinite(joined).all():
            raise UserError("planner", "gives finite log-probabilities", "train it again")
        return joined

    def _score_part(self, part: _Part, prompts: Tensor, filled: Tensor) -> NDArray[np.float64]:
        n_prompts, n_inner = len(prompts), len(part.inner_tokens)
        device = self._planner.device
        nodes = part.inner_tokens.expand(n_prompts, -1)  # [B, I]
        lengths = filled.sum(dim=1, keepdim=True)  # [B, 1]
        places = (filled.cumsum(dim=1) - 1).clamp(min=0)  # [B, P]
        positions = torch.cat([places, lengths + part.inner_depths - 1], dim=1)  # [B, L]
        logits = self._planner.model(
            input_ids=torch.cat([prompts, nodes], dim=1).to(device),
            attention_mask=_tree_mask(filled, part.ancestry, self._planner.model.dtype).to(device),
            position_ids=positions.to(device),
            use_cache=False,
            logits_to_keep=n_inner + 1,
        ).logits.float()  # [B, 1 + I, V]: after the prompt, then after each inner node
        parents, tokens = part.parent_places.to(device), part.tokens.to(device)  # [M], [M]
        chosen = logits[:, parents, tokens] - logits.logsumexp(dim=-1)[:, parents]  # [B, M]
        return part.trie.sum_paths(chosen.cpu().double().numpy())


@dataclass(frozen=True)
class _Part:
    """A trie laid out for a forward pass, and the clusters its descriptions belong to."""

    trie: Trie
    members: NDArray[np.int64]  # cluster ids
    inner_tokens: Tensor  # [I]
    inner_depths: Tensor  # [I]
    ancestry: Tensor  # bool [I, I]
    tokens: Tensor  # [M]
    parent_places: Tensor  # [M]: which of the 1 + I predictions each node is read from


def _lay_out(members: list[tuple[int, list[int]]]) -> _Part:
    trie = build_trie([completion for _, completion in members])
    inner = trie.inner
    place = np.zeros(len(trie.tokens) + 1, dtype=np.int64)  # the last entry is the root's: 0
    place[inner] = np.arange(1, len(inner) + 1)
    return _Part(
        trie=trie,
        members=np.array([cluster for cluster, _ in members]),
        inner_tokens=torch.from_numpy(trie.tokens[inner]),
        inner_depths=torch.from_numpy(trie.depths[inner]),
        ancestry=torch.from_numpy(trie.ancestry(inner)),
        tokens=torch.from_numpy(trie.tokens),
        parent_places=torch.from_numpy(place[trie.parents]),
    )


def _cut(completions: list[list[int]], most_nodes: int) -> list[list[tuple[int, list[int]]]]:
    """Split descriptions, neighbours in token order together, into tries of bounded size."""
    parts: list[list[tuple[int, list[int]]]] = [[]]
    prefixes: set[tuple[int, ...]] = set()
    for cluster, completion in sorted(enumerate(completions), key=lambda entry: entry[1]):
        own = {tuple(completion[:end]) for end in range(1, len(completion))}
        if parts[-1] and len(prefixes | own) + 1 > most_nodes:
            parts.append([])
            prefixes = set()
        parts[-1].append((cluster, completion))
        prefixes |= own
    return parts


def _tree_mask(filled: Tensor, ancestry: Tensor, dtype: torch.dtype) -> Tensor:
    """Return what is added to attention scores, [B, 1, L, L]: 0 to see, the lowest number not to.

    A prompt token sees the prompt up to itself, a node the prompt and its path. Padding is seen
    by itself only, so that no row of the mask is empty.
    """
    n_prompts, width = filled.shape
    length = width + len(ancestry)
    seen = torch.zeros(n_prompts, length, length, dtype=torch.bool)  # [B, L, L]
    causal = torch.ones(width, width, dtype=torch.bool).tril()  # [P, P]
    seen[:, :width, :width] = causal & filled[:, None, :]
    seen[:, width:, :width] = filled[:, None, :]
    seen[:, width:, width:] = ancestry
    seen |= torch.eye(length, dtype=torch.bool)
    lowest = torch.finfo(dtype).min
    return torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, lowest)[:, None]
