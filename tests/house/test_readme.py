"""The README maps every file of the house and names only what exists."""

from __future__ import annotations

import re

from tests.house.imports import ROOT, is_only_a_docstring, source_files

README = (ROOT / "README.md").read_text(encoding="utf-8")


def mapped() -> set[str]:
    """The Python files that the map names, as paths from the top."""
    found, room = set(), ""
    for line in README.splitlines():
        if heading := re.match(r"\*\*`([\w/]+)/`\*\*", line):
            room = heading.group(1)
        elif entry := re.match(r"- `([\w.]+\.py)`", line):
            found.add(f"{room}/{entry.group(1)}")
    return found


def test_the_map_names_every_file_and_no_other() -> None:
    code = {str(file) for file in source_files() if not is_only_a_docstring(file)}
    assert sorted(code - mapped()) == []
    assert sorted(mapped() - code) == []


def test_commands_of_the_makefile_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", README)) - {"and"}
    assert named <= targets


def test_linked_documents_exist() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert all((ROOT / link).exists() for link in links)
