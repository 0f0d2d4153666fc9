"""Names of catalogues in many scripts: after the planted topic, readable, and writable."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import polars as pl
import pytest

from expectations.contracts.values import MAX_DESCRIPTION
from tests.worlds.clusters import CUT
from tests.worlds.languages import LANGUAGES, build_catalogue
from training.clusters.config import ClusterConfig, RepresentationConfig
from training.clusters.naming.describe import describe_tree
from training.clusters.naming.name_writer import check_answer, telling_stems
from training.clusters.representation.represent import fit_items
from training.clusters.representation.segmentation import split_words
from training.clusters.representation.words import read_words
from training.clusters.tree.tree import build_tree
from training.planner.base.tokenizer import train_tokenizer

CONFIG = ClusterConfig(
    levels=(3, 12),
    representation=RepresentationConfig(text_dimensions=24, collaborative_dimensions=12),
)
MIN_NAMED_SHARE = 0.9


@lru_cache
def name_catalogue(language: str) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Names of the leaves, the leaf of each item, the planted topic of each item."""
    catalogue = build_catalogue(LANGUAGES[language])
    rng = np.random.default_rng(0)
    represented = fit_items(
        catalogue.items, catalogue.interactions.lazy(), CUT, CONFIG.representation, rng
    )[1]
    tree = build_tree(represented, CONFIG, rng)
    names = describe_tree(catalogue.items, tree, represented, CONFIG)[-1]
    return tuple(name.text for name in names), tree.labels[-1], catalogue.topic_of_item


@pytest.mark.parametrize("language", LANGUAGES)
def test_clusters_are_named_after_their_topic_in_any_script(language: str) -> None:
    names, labels, topics = name_catalogue(language)
    named = []
    for cluster, name in enumerate(names):
        topic = LANGUAGES[language].topics[np.bincount(topics[labels == cluster]).argmax()]
        named.append(any(word.lower() in name for word in split_words(topic)))
    assert np.mean(named) >= MIN_NAMED_SHARE
    assert not any(name.startswith("unnamed") for name in names)


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_are_unique_and_written_with_whole_words(language: str) -> None:
    names, _, _ = name_catalogue(language)
    assert len(set(names)) == len(names)
    texts = "\n".join(build_catalogue(LANGUAGES[language]).items["title"]).lower()
    for name in names:
        assert len(name) <= MAX_DESCRIPTION
        assert all(piece in texts for piece in name.split())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_planner_can_write_every_name(language: str) -> None:
    names, _, _ = name_catalogue(language)
    titles = build_catalogue(LANGUAGES[language]).items["title"].to_list()
    tokenizer = train_tokenizer([*titles, *names], names, vocabulary=600)
    for name in names:
        tokens = tokenizer(f" {name}", add_special_tokens=False)["input_ids"]
        assert len(tokens) > 1
        assert tokenizer.decode(tokens) == f" {name}"


def read_title(title: str) -> list[str]:
    items = pl.DataFrame(
        [("a", title, "", None)],
        schema={
            "item_id": pl.String,
            "title": pl.String,
            "text": pl.String,
            "category_path": pl.List(pl.String),
        },
        orient="row",
    )
    return read_words(items)["word"].to_list()


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("2024新款机器学习第二版0", ["新", "款", "机器", "学习"]),
        ("猫の写真集iPhoneケース", ["猫", "写真", "集", "iphone", "ケース"]),
        ("ｽﾏﾎｹｰｽ ＵＳＢ", ["スマホ", "ケース", "usb"]),
        ("หนังสือทำอาหาร2024", ["หนังสือ", "ทำ", "อาหาร"]),
        ("ភាសា\u200bខ្មែរ", ["ភាសា", "ខ្មែរ"]),
        ("हिन्दी व्यंजन2", ["हिन्दी", "व्यंजन"]),
        ("کتاب‌های آشپزی۲", ["کتاب‌های", "آشپزی"]),
        ("كتاب2024مصور", ["كتاب", "مصور"]),
        ("2024год Донки", ["год", "донки"]),
        ("책 요리", ["책", "요리"]),
        ("cafe\u0301 Do\u00adnau", ["café", "donau"]),
        ("l’été d'Ukraïʼna צה״ל", ["l’été", "d'ukraïʼna", "צה״ל"]),
        ("Kochbuch12", ["kochbuch"]),  # nothing else is readable
        ("Kochbuch12 für Gäste", ["für", "gäste"]),  # else it might be a vendor's code
    ],
)
def test_words_follow_unicode(title: str, expected: list[str]) -> None:
    assert read_title(title) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("کتاب‌های آشپزی", "کتابهای آشپزی"),
        ("آشپزی ایرانی", "آشپزي ايراني"),
        ("كِتَاب مصور", "كتاب مصور"),
    ],
)
def test_spellings_of_one_word_have_one_stem(one: str, other: str) -> None:
    assert telling_stems(one) == telling_stems(other)


@pytest.mark.parametrize("answer", ["机器学习", "हिन्दी व्यंजन", "کتاب‌های آشپزی", "หนังสือทำอาหาร"])
def test_a_language_model_may_answer_in_any_script(answer: str) -> None:
    assert check_answer(answer, ["bread baking"], CONFIG.description) == answer
