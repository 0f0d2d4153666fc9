"""Prompts are put as they were when the adapter was trained, or its planner is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from expectations.contracts.errors import UserError
from tests.worlds.tiny_bases import TURN_ENDS, TURN_OPENS, BaseKind, save_base_of
from training.planner.base.adapter_io import add_adapter, save_adapter
from training.planner.base.model_io import Planner, load_base, load_planner
from training.planner.base.prompt_record import PROMPT_RECORD
from training.planner.config import LoraSettings, PromptConfig
from training.planner.tuning.base_limits import check_base
from training.planner.tuning.finetune import encode_descriptions

DESCRIPTIONS = ("jazz guitar", "slow cooking")
QUESTION = "Interests so far:\n- jazz guitar\n- slow cooking\nNext new interest:"
CHATTING = BaseKind("llama", blanks_as_letters=False, chats=True, pads=True)
SILENT = BaseKind("llama", blanks_as_letters=False, chats=False, pads=True)
HELPFUL = (  # as SmolLM2's: a system turn of its own, unless there is one
    "{% for turn in messages %}{% if loop.first and turn.role != 'system' %}[be helpful]{% endif %}"
    "[{{ turn.role }}]{{ turn.content }}{% endfor %}[model]"
)


@pytest.fixture(scope="module")
def chatting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base_of(CHATTING, tmp_path_factory.mktemp("chatting"), DESCRIPTIONS)


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_base_of(SILENT, tmp_path_factory.mktemp("silent"), DESCRIPTIONS)


def adapted(base: Path, folder: Path, prompt: PromptConfig) -> Path:
    """An adapter that changes nothing, saved as after training with such prompts."""
    model, tokenizer = load_base(base)
    written = Planner(model, tokenizer, prompt).describe_prompts()
    save_adapter(add_adapter(model, LoraSettings(rank=2), seed=0), written, base, folder)
    return folder


def text_of(planner: Planner) -> str:
    text: str = planner.tokenizer.decode(planner.encode_prompt(DESCRIPTIONS))
    return text


def turn(role: str, text: str) -> str:
    return f"{TURN_OPENS}{role}\n{text}{TURN_ENDS}\n"


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ({}, f"<s>{turn('user', QUESTION)}{TURN_OPENS}model\n"),
        (
            {"system": "Guess."},
            f"<s>{turn('system', 'Guess.')}{turn('user', QUESTION)}{TURN_OPENS}model\n",
        ),
        ({"template": "plain"}, f"<s>{QUESTION}"),
        ({"template": "plain", "system": "Guess."}, f"<s>Guess.\n{QUESTION}"),
        (
            {
                "template": "plain",
                "opening": "Likes",
                "cluster": "{description}!",
                "question": "So",
            },
            "<s>Likes\njazz guitar!\nslow cooking!\nSo",
        ),
    ],
)
def test_a_loaded_planner_puts_prompts_as_the_adapter_was_trained(
    chatting: Path, tmp_path: Path, prompt: dict[str, Any], expected: str
) -> None:
    settings = PromptConfig(**prompt)
    model, tokenizer = load_base(chatting)
    assert text_of(Planner(model, tokenizer, settings)) == expected
    assert text_of(load_planner(chatting, adapted(chatting, tmp_path, settings))) == expected


def test_without_a_template_the_system_line_is_one_of_its_own(silent: Path) -> None:
    planner = Planner(*load_base(silent), PromptConfig(system="Guess."))
    assert text_of(planner) == f"<s>Guess.\n{QUESTION}"


def test_an_empty_system_line_takes_away_what_a_template_adds(chatting: Path) -> None:
    model, tokenizer = load_base(chatting)
    tokenizer.chat_template = HELPFUL
    assert text_of(Planner(model, tokenizer)) == f"[be helpful][user]{QUESTION}[model]"
    without = Planner(model, tokenizer, PromptConfig(system=""))
    assert text_of(without) == f"[system][user]{QUESTION}[model]"


def test_an_adapter_is_refused_where_the_template_is_another(tmp_path: Path) -> None:
    base = save_base_of(CHATTING, tmp_path / "base", DESCRIPTIONS)
    adapter = adapted(base, tmp_path / "adapter", PromptConfig())
    plain = adapted(base, tmp_path / "plain", PromptConfig(template="plain"))
    load_planner(base, adapter)
    (base / "chat_template.jinja").write_text(HELPFUL)
    with pytest.raises(UserError, match="puts prompts as it did when the adapter was trained"):
        load_planner(base, adapter)
    load_planner(base, plain)


def test_an_adapter_of_an_earlier_version_keeps_the_prompts_it_had(
    chatting: Path, tmp_path: Path
) -> None:
    adapter = adapted(chatting, tmp_path, PromptConfig())
    (adapter / PROMPT_RECORD).unlink()
    assert load_planner(chatting, adapter).prompt == PromptConfig()


def test_a_record_that_cannot_be_read_is_one_clear_line(chatting: Path, tmp_path: Path) -> None:
    adapter = adapted(chatting, tmp_path, PromptConfig())
    (adapter / PROMPT_RECORD).write_text('{"settings": {"template": "fancy"}}')
    with pytest.raises(UserError, match="says how the planner's prompts are put"):
        load_planner(chatting, adapter)


def test_a_template_without_a_system_turn_says_so(chatting: Path) -> None:
    model, tokenizer = load_base(chatting)
    tokenizer.chat_template = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
    )
    with pytest.raises(UserError, match=r"takes the turns \(found: no system turn\)"):
        Planner(model, tokenizer, PromptConfig(system="Guess.")).encode_prompt(DESCRIPTIONS)


def test_a_template_that_writes_the_date_is_refused_before_anything_is_trained(
    chatting: Path,
) -> None:
    model, tokenizer = load_base(chatting)
    tokenizer.chat_template = "{{ strftime_now('%d %b') }}{{ messages[0].content }}"
    planner = Planner(model, tokenizer)
    tokens = encode_descriptions(planner, DESCRIPTIONS)
    with pytest.raises(UserError, match="writes the same prompt on every day"):
        check_base(planner, tokens)
    check_base(Planner(model, tokenizer, PromptConfig(template="plain")), tokens)
