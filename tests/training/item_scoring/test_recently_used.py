"""What is kept is what was asked for last, as a list of keys in order of use would have it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from training.item_scoring.recently_used import RecentlyUsed

asked = st.lists(st.tuples(st.booleans(), st.integers(0, 6)), max_size=60)


@settings(deadline=None)
@given(asked, st.integers(0, 5))
def test_the_last_ones_used_are_kept(steps: list[tuple[bool, int]], limit: int) -> None:
    kept: RecentlyUsed[int, str] = RecentlyUsed(limit)
    in_use: list[int] = []  # most recently used last
    for is_added, key in steps:
        if is_added:
            kept.add(key, str(key))
        else:
            assert kept.find(key) == (str(key) if key in in_use else None)
        if is_added or key in in_use:
            in_use = [*(other for other in in_use if other != key), key][-limit:] if limit else []
        assert len(kept) == len(in_use) <= limit
    assert [key for key in range(7) if kept.find(key) is not None] == sorted(in_use)
