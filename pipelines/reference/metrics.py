"""The page of metrics: what every name in ``metrics/*.json`` means."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipelines.reference.metric_words import FILES, PARTS
from pipelines.reference.page_text import code, table

INTRODUCTION = """# Metrics

Every name in `metrics/*.json`; `dvc metrics show` prints them, `dvc metrics diff` compares two
runs. A part in braces stands for one of the words listed below it, one in brackets may be absent.
A name that goes on with `_low` or `_high` is the lower or upper end of the 95% interval of the
figure without it (bootstrap over users). Names with `minus` or `over` are paired differences: an
interval that does not hold 0 is a difference beyond chance.
"""


def metrics_page() -> str:
    """Return the page of all files."""
    parts = [INTRODUCTION]
    for file, names in FILES.items():
        rows = [(code(pattern), meaning) for pattern, meaning in names.items()]
        parts.append(f"## {file}.json\n\n{table(('Name', 'Meaning'), rows)}")
        used = [part for part in PARTS if any(f"{{{part}}}" in pattern for pattern in names)]
        for part in used:
            words = [(code(word), meaning) for word, meaning in PARTS[part].items()]
            parts.append(f"`{{{part}}}` is one of\n\n{table(('Word', 'Meaning'), words)}")
    return "\n".join(parts)


def unexplained(file: str, names: Iterable[str]) -> list[str]:
    """Return those of the names in ``metrics/{file}.json`` that the page does not explain."""
    known = [_expression(pattern) for pattern in FILES[file]]
    return [name for name in names if not any(pattern.fullmatch(name) for pattern in known)]


def _expression(pattern: str) -> re.Pattern[str]:
    text = pattern.replace("[", "(?:").replace("]", ")?")
    for part, words in PARTS.items():
        text = text.replace(f"{{{part}}}", f"(?:{'|'.join(words)})")
    return re.compile(f"{text}(?:_low|_high)?")
