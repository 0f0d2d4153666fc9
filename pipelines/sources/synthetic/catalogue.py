"""Reads the catalogue of topics: a tree of domains, groups and leaf topics with their words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from expectations.contracts.errors import UserError
from training.config import Config


class _Topic(Config):
    name: str = Field(min_length=1)
    words: tuple[str, ...] = Field(min_length=4)


class _Group(Config):
    name: str = Field(min_length=1)
    words: tuple[str, ...] = Field(min_length=1)
    topics: tuple[_Topic, ...] = Field(min_length=1)


class _Domain(Config):
    name: str = Field(min_length=1)
    groups: tuple[_Group, ...] = Field(min_length=1)


class _File(Config):
    domains: tuple[_Domain, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Topic:
    """A leaf topic, with where it stands in the tree and the words that speak of it.

    ``group_index`` and ``domain_index`` count over the whole catalogue.
    """

    name: str
    group: str
    domain: str
    group_index: int
    domain_index: int
    words: tuple[str, ...]
    group_words: tuple[str, ...]


def read_catalogue(path: Path) -> tuple[Topic, ...]:
    """Return the leaf topics in the order of the file; a topic's index is its id.

    Raises:
        UserError: the file is absent, not YAML, or not a tree of domains, groups and topics
            with unique names, at least two of them.
    """
    if not path.is_file():
        raise UserError(str(path), "the catalogue of topics exists", "set dataset.path to it")
    try:
        content = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(str(path), "is YAML", "mend the syntax", str(error)[:120]) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        rule = f"is a tree of domains, groups and topics ({where}: {first['msg']})"
        raise UserError(str(path), rule, "see the shipped catalogue") from None
    topics = _flatten(content)
    _refuse_repeats(topics, path)
    return topics


def _flatten(content: _File) -> tuple[Topic, ...]:
    topics: list[Topic] = []
    group_index = 0
    for domain_index, domain in enumerate(content.domains):
        for group in domain.groups:
            topics += [
                Topic(
                    topic.name,
                    group.name,
                    domain.name,
                    group_index,
                    domain_index,
                    topic.words,
                    group.words,
                )
                for topic in group.topics
            ]
            group_index += 1
    return tuple(topics)


def _refuse_repeats(topics: tuple[Topic, ...], path: Path) -> None:
    names = [topic.name for topic in topics]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise UserError(str(path), "topic names are unique", "rename one", str(repeated[:3]))
    if len(topics) < 2:
        raise UserError(str(path), "there are at least two topics", "add another", str(names))
