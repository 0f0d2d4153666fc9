"""A key's rate holds for all processes of a service together."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from inference.serving.http.allowances import Allowances

HARDLY = 1e-6
"""Requests by which a bucket fills up in a second: none within a test."""


def test_processes_take_from_one_bucket(tmp_path: Path) -> None:
    first, second = (Allowances(["shop", "app"], [5, 1], tmp_path) for _ in range(2))
    waits = [(first, second)[turn % 2].take(0, HARDLY) for turn in range(6)]
    assert waits[:5] == [0.0] * 5
    assert waits[5] == pytest.approx(1 / HARDLY, rel=0.01)
    assert second.take(1, HARDLY) == 0.0  # another key has its own
    assert first.take(1, HARDLY) > 0


def test_without_a_folder_each_is_alone() -> None:
    first, second = (Allowances(["shop"], [1]) for _ in range(2))
    assert (first.take(0, HARDLY), second.take(0, HARDLY)) == (0.0, 0.0)
    assert first.take(0, HARDLY) > 0


def test_a_bucket_fills_up_to_its_burst_and_no_further() -> None:
    allowances = Allowances(["shop"], [2])
    assert [allowances.take(0, HARDLY) for _ in range(3)][:2] == [0.0, 0.0]
    time.sleep(0.05)
    assert [allowances.take(0, 1000.0) > 0 for _ in range(3)][:2] == [False, False]


def test_who_takes_at_one_time_takes_no_more_than_there_is(tmp_path: Path) -> None:
    takers = [Allowances(["shop"], [100], tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(len(takers)) as pool:
        taken = list(pool.map(lambda a: sum(a.take(0, HARDLY) == 0 for _ in range(50)), takers))
    assert sum(taken) == 100


def test_other_keys_have_buckets_of_their_own(tmp_path: Path) -> None:
    """A worker that is started again may find another file of keys than the others read."""
    before = Allowances(["shop"], [1], tmp_path)
    assert before.take(0, HARDLY) == 0.0
    after = Allowances(["new", "shop"], [1, 1], tmp_path)
    assert [after.take(number, HARDLY) for number in (0, 1)] == [0.0, 0.0]
