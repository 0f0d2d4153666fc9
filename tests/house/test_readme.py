"""The README maps every folder of the house by what its face says, and names only what exists."""

from __future__ import annotations

import re

from tests.house.imports import ROOT, face_of, folders

README = (ROOT / "README.md").read_text(encoding="utf-8")
MAPPED = ("expectations", "training", "inference", "feature_repo", "pipelines", "benchmarks")


def test_the_map_names_every_folder_by_its_own_words_and_no_other() -> None:
    named = dict(re.findall(r"^- `([\w/]+)/`: (.+)$", README, re.MULTILINE))
    assert named == {str(folder): face_of(folder) for folder in folders(*MAPPED)}


def test_it_is_read_in_one_go() -> None:
    assert len(README.splitlines()) <= 150


def test_commands_of_the_makefile_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", README)) - {"and"}
    assert named <= targets


def test_linked_documents_exist() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert all((ROOT / link).exists() for link in links)
