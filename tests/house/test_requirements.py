"""What is imported is asked for: every library is declared in pyproject.toml and has a pin."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from importlib.metadata import packages_distributions

import pytest

from tests.house.imports import ROOMS, ROOT, libraries_of, source_files

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
PINS = (ROOT / "constraints.txt").read_text(encoding="utf-8")
ELSEWHERE = {
    "obp": "asks for Python below 3.11: its golden numbers are made beside our environment",
    "pytorch_lightning": "comes with RecTools",
    "rectools": "needs numpy below 2: its benchmark makes it an environment of its own",
}
"""Libraries that no environment of ours can hold, and why."""


def distributions(requirements: Iterable[str]) -> set[str]:
    """The names that some requirements or pins ask for, as package indices spell them."""
    return {normalised(re.split(r"[\[<>=!~; ]", line)[0]) for line in requirements}


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 has it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def undeclared(
    sources: Mapping[str, str], declared: set[str], provided: Mapping[str, list[str]]
) -> list[str]:
    """The imports of some named sources that come with none of the declared distributions.

    ``provided`` tells which distributions an installed module comes from. A module that is not
    installed is taken to come from the distribution of its own name.
    """
    own = {*ROOMS, "tests", "benchmarks", *sys.stdlib_module_names, *ELSEWHERE}
    return [
        f"{name} imports {library}"
        for name, source in sources.items()
        for library in sorted(libraries_of(source) - own)
        if declared.isdisjoint(map(normalised, provided.get(library, [library])))
    ]


def code_below(*folders: str) -> dict[str, str]:
    """The Python files of some folders, by path."""
    files = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    assert files
    return {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in files}


def code_of_pages() -> dict[str, str]:
    """The Python blocks of the README and the documents, by page."""
    found: dict[str, str] = {}
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        found |= {f"{page.name}, block {place}": block for place, block in enumerate(blocks, 1)}
    assert found
    return found


def with_extras(*extras: str) -> set[str]:
    """The distributions that the project asks for with some of its extras."""
    return distributions([*PROJECT["dependencies"], *(line for e in extras for line in EXTRAS[e])])


def installed_extras() -> list[str]:
    """The extras of ``make install``."""
    found = re.search(r'install .*"\.\[([\w,-]+)\]"', (ROOT / "Makefile").read_text())
    assert found
    return found.group(1).split(",")


def test_the_rooms_need_only_what_the_project_and_its_own_extras_ask_for() -> None:
    sources = {str(file): (ROOT / file).read_text(encoding="utf-8") for file in source_files()}
    declared = with_extras(*(extra for extra in EXTRAS if extra != "test"))
    assert undeclared(sources, declared, packages_distributions()) == []


def test_tests_benchmarks_and_documented_examples_need_only_what_make_installs() -> None:
    sources = code_below("tests", "benchmarks") | code_of_pages()
    assert undeclared(sources, with_extras(*installed_extras()), packages_distributions()) == []


def test_whatever_is_declared_has_a_pin() -> None:
    pinned = distributions(line for line in PINS.splitlines() if "==" in line)
    assert sorted(with_extras(*EXTRAS) - pinned) == []


def test_every_exception_is_still_needed() -> None:
    used = {name for source in code_below("benchmarks").values() for name in libraries_of(source)}
    assert set(ELSEWHERE) <= used


@pytest.mark.parametrize(
    ("source", "library"),
    [
        ("import undeclared_library.part as part", "undeclared_library"),
        ("def late():\n    from undeclared_library import thing", "undeclared_library"),
        ("import yaml", "yaml"),  # its distribution has another name, and is not declared here
    ],
)
def test_a_library_that_nothing_declares_is_reported(source: str, library: str) -> None:
    declared, provided = {"numpy"}, {"numpy": ["numpy"], "yaml": ["PyYAML"]}
    found = undeclared({"a.py": f"import os, numpy\n{source}"}, declared, provided)
    assert found == [f"a.py imports {library}"]


def test_a_library_is_known_by_its_distribution_or_where_missing_by_its_own_name() -> None:
    provided = {"yaml": ["PyYAML"]}
    source = {"a.py": "import yaml, sentence_transformers"}
    assert undeclared(source, {"pyyaml", "sentence-transformers"}, provided) == []


def test_requirements_are_read_as_the_index_spells_them() -> None:
    lines = ["feast[redis]", "duckdb<2", "Great_Expectations==1.0", "zc.lockfile == 4"]
    expected = {"feast", "duckdb", "great-expectations", "zc-lockfile"}
    assert distributions(lines) == expected
