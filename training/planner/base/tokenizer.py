"""Trains the embedded base model's tokenizer: ordinary byte-level sub-word BPE."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

PAD_TOKEN = "<pad>"
START_TOKEN = "<s>"
END_TOKEN = "</s>"
SPECIAL_TOKENS = (PAD_TOKEN, START_TOKEN, END_TOKEN)
MIN_FREQUENCY = 2
"""Of a pair that becomes a token; the default of many trainers is 2, too: one occurrence is
chance."""


def train_tokenizer(
    texts: Iterable[str], descriptions: Sequence[str], vocabulary: int
) -> PreTrainedTokenizerFast:
    """Return a Hugging Face fast tokenizer of at most ``vocabulary`` tokens.

    Any text can be written with it, since every byte is a token. Words are cut at blanks, so no
    token spans two; a word that is a whole description is kept in two or more tokens.

    Args:
        texts: what it is trained on.
        descriptions: the cluster descriptions; no token may span a whole one.
        vocabulary: tokens at most, the 256 bytes and the special tokens among them.
    """
    bpe = _byte_level(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=MIN_FREQUENCY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    bpe = _split_whole_descriptions(bpe, descriptions)
    start = bpe.token_to_id(START_TOKEN)
    bpe.post_processor = processors.TemplateProcessing(
        single=f"{START_TOKEN} $A", special_tokens=[(START_TOKEN, start)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, pad_token=PAD_TOKEN, bos_token=START_TOKEN, eos_token=END_TOKEN
    )


def _byte_level(model: models.BPE) -> Tokenizer:
    bpe = Tokenizer(model)
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    return bpe


def _split_whole_descriptions(bpe: Tokenizer, descriptions: Sequence[str]) -> Tokenizer:
    """Return the tokenizer without the tokens that are whole descriptions, or built from one."""
    trained = json.loads(bpe.to_str())["model"]
    forbidden = {_spelt(blank + text) for text in descriptions for blank in ("", " ")}
    letters = set(pre_tokenizers.ByteLevel.alphabet())
    reachable, merges = set(letters), []
    for left, right in (tuple(merge) for merge in trained["merges"]):
        if left in reachable and right in reachable and left + right not in forbidden:
            reachable.add(left + right)
            merges.append((left, right))
    if len(merges) == len(trained["merges"]):
        return bpe
    kept = [
        token
        for token, _ in sorted(trained["vocab"].items(), key=lambda entry: entry[1])
        if token in reachable or token in SPECIAL_TOKENS
    ]
    vocabulary = {token: index for index, token in enumerate(kept)}
    pruned = _byte_level(models.BPE(vocab=vocabulary, merges=merges))
    pruned.add_special_tokens(list(SPECIAL_TOKENS))
    return pruned


def _spelt(text: str) -> str:
    """Return the text as the byte-level vocabulary writes it, or "" for more than one word."""
    words = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
    return words[0][0] if len(words) == 1 else ""
