"""The benchmark entry: its figures are those of its protocol, and bad files end in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from expectations.contracts.errors import UserError
from pipelines.commands import app
from pipelines.sources.sequence_file import read_sequence_file

PARAMS = """
runtime: {seed: 3, threads: 1}
recommender: {dimension: 8, n_layers: 1, n_heads: 1, max_epochs: 2, batch_tokens: 64}
"""


def walk_rings(n_users: int, ring: int = 12, steps: int = 7) -> str:
    """Return users who walk along one ring of items: what comes next is never in doubt."""
    rows = [[f"item{(user + step) % ring}" for step in range(steps)] for user in range(n_users)]
    return "\n".join(f"user{user} {' '.join(row)}" for user, row in enumerate(rows)) + "\n"


def run(file: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> dict[str, object]:
    monkeypatch.chdir(file.parent)
    (file.parent / "params.yaml").write_text(PARAMS)
    app.run(["sequence-benchmark", str(file), *options])
    report: dict[str, object] = json.loads(Path("sequence_benchmark.json").read_text())
    return report


def test_a_walk_along_a_ring_is_foreseen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sequences.txt"
    file.write_text(walk_rings(48))
    report = run(file, monkeypatch, "--seeds", "0", "--seeds", "1")
    mean = report["mean"]
    assert isinstance(mean, dict)
    assert mean["neighbours_alone.seen_removed"]["hit_rate_at_5"] == 1.0
    assert mean["recommender.seen_removed"]["hit_rate_at_5"] == 1.0
    # six of twelve items are seen, and every item is liked as often as any other
    assert 0.5 < mean["popularity.seen_removed"]["hit_rate_at_5"] < 1.0
    assert mean["popularity.seen_kept"]["hit_rate_at_20"] == 1.0
    assert {"seed_0", "seed_1", "settings"} <= report.keys()
    assert "48 users, 12 items, 336 interactions; 48 users held out" in capsys.readouterr().out


def test_validation_leaves_the_last_item_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sequences.txt"
    file.write_text(walk_rings(24))
    before = run(file, monkeypatch, "--validation")
    # other last items of the same catalogue: nothing that is measured on validation may move
    lines = [line.split() for line in file.read_text().splitlines()]
    file.write_text("".join(" ".join([*line[:-1], "item0"]) + "\n" for line in lines))
    after = run(file, monkeypatch, "--validation")
    assert before["mean"] == after["mean"]
    assert before["measured_on"] == "validation"


@pytest.mark.parametrize(
    ("content", "where", "rule"),
    [
        (b"", "", "holds one user or more"),
        (b"u1 a b\nu2\n", ", line 2", "one item or more"),
        (b"u1 a b\n\nu1 c\n", ", line 3", "one line"),
        (b"\xff\xfe\x00", "", "is a text file"),
        (None, "", "exists"),
    ],
)
def test_a_bad_file_ends_in_one_line(
    content: bytes | None, where: str, rule: str, tmp_path: Path
) -> None:
    file = tmp_path / "sequences.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=rule) as caught:
        read_sequence_file(file)
    assert caught.value.where == f"{file}{where}"


def test_nobody_to_hold_out_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sequences.txt"
    file.write_text("u1 a b\nu2 c d\n")
    with pytest.raises(UserError, match="held out"):
        run(file, monkeypatch)
