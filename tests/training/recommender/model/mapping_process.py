"""A process that maps a recommender, answers, and tells how much of its memory is its own.

python -m tests.training.recommender.model.mapping_process WARM-UP FOLDER WAY
    WARM-UP  a small recommender of the same dimension: compiled code is loaded with it
    WAY      map or load

It prints its answers, waits for a line, prints the bytes that it alone has since the warm-up, and
waits for another line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.training.recommender.model.asked import ask
from training.recommender.model.recommender import SequenceRecommender


def own_bytes() -> int:
    """Memory that no other process shares with this one now."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    fields = dict(line.split(":") for line in lines[1:])
    return 1024 * sum(int(fields[name].split()[0]) for name in ("Private_Clean", "Private_Dirty"))


def read(folder: Path, way: str) -> SequenceRecommender:
    if way == "load":
        return SequenceRecommender.load(folder)
    return SequenceRecommender.map(folder, folder.with_suffix(".prepared"))


def main(warm_up: str, folder: str, way: str) -> None:
    ask(read(Path(warm_up), way))
    before = own_bytes()
    recommender = read(Path(folder), way)
    print(
        json.dumps([[item._asdict() for item in items] for items in ask(recommender)]), flush=True
    )
    sys.stdin.readline()  # the others have read what they read, too
    print(own_bytes() - before, flush=True)
    sys.stdin.readline()  # the others have been weighed, too


if __name__ == "__main__":
    main(*sys.argv[1:])
