"""Small untrained base models as they are met in the wild: their tokenizers, templates and gaps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import AddedToken, PreTrainedTokenizerFast

from tests.worlds.tiny_models import save_tiny_model
from training.planner.base.tokenizer import train_tokenizer
from training.planner.prompt import render_completion, render_prompt

BLANK = "▁"
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
TURN_OPENS, TURN_ENDS = "<start_of_turn>", "<end_of_turn>"
TEMPLATE = (
    "{{ bos_token }}{% for turn in messages %}"
    f"{TURN_OPENS}{{{{ turn.role }}}}\n{{{{ turn.content }}}}{TURN_ENDS}\n"
    "{% endfor %}"
    f"{{% if add_generation_prompt %}}{TURN_OPENS}model\n{{% endif %}}"
)


@dataclass(frozen=True)
class BaseKind:
    """What a published base model brings.

    Attributes:
        architecture: of :mod:`tests.worlds.tiny_models`.
        blanks_as_letters: its tokenizer writes a blank as a letter and letters that it does not
            know as bytes, as SentencePiece does; otherwise it works on bytes throughout.
        chats: it has a chat template, and an end token that closes a turn.
        pads: it has a padding token.
    """

    architecture: str
    blanks_as_letters: bool
    chats: bool
    pads: bool


KINDS = (
    BaseKind("llama", blanks_as_letters=True, chats=False, pads=False),
    BaseKind("qwen3", blanks_as_letters=False, chats=True, pads=True),
    BaseKind("gemma3", blanks_as_letters=True, chats=True, pads=True),
    BaseKind("gpt2", blanks_as_letters=False, chats=False, pads=False),
)


def save_base_of(kind: BaseKind, folder: Path, known: Sequence[str]) -> Path:
    """Save an untrained model whose tokenizer was trained on some descriptions; return the folder.

    Other descriptions can be written with it, too.
    """
    texts = [render_prompt(known), *(render_completion(text) for text in known)]
    tokenizer = (
        train_sentence_pieces(texts)
        if kind.blanks_as_letters
        else train_tokenizer(texts * 3, known, vocabulary=400)
    )
    if kind.chats:
        turns = [AddedToken(name, special=True) for name in (TURN_OPENS, TURN_ENDS)]
        tokenizer.add_tokens(turns, special_tokens=True)
        tokenizer.eos_token = TURN_ENDS
        tokenizer.chat_template = TEMPLATE
    save_tiny_model(folder, kind.architecture, tokenizer)
    if not kind.pads:
        file = folder / "tokenizer_config.json"
        settings = json.loads(file.read_text())
        del settings["pad_token"]
        file.write_text(json.dumps(settings))
    return folder


def train_sentence_pieces(texts: Sequence[str]) -> Any:
    """Return a BPE tokenizer of letters with byte fallback, as Llama 2's and Gemma's are."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Metaspace(replacement=BLANK)
    learner.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=120, show_progress=False))
    learned = json.loads(learner.to_str())["model"]
    names = [*SPECIAL, *BYTES, *sorted(learned["vocab"], key=learned["vocab"].get)]
    pieces = Tokenizer(
        models.BPE(
            vocab={name: index for index, name in enumerate(names)},
            merges=[tuple(merge) for merge in learned["merges"]],
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    pieces.normalizer = normalizers.Sequence(
        [normalizers.Prepend(BLANK), normalizers.Replace(" ", BLANK)]
    )
    pieces.decoder = decoders.Sequence(
        [
            decoders.Replace(BLANK, " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(content=" ", left=1, right=0),
        ]
    )
    pieces.add_special_tokens(list(SPECIAL))
    pieces.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", SPECIAL.index("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
    )
