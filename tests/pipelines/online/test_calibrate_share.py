"""The exploration share set by what people took from lists: known rates; what does not count."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.contracts.errors import ReleaseError, UserError
from expectations.contracts.forgotten import ForgottenUsers, hash_of_user
from inference.events.event import ItemEvent
from inference.events.log import EventLog
from inference.release.registered import CALIBRATED_SHARE, CHAMPION, RELEASE_MODEL
from inference.serving.config import ServingConfig
from pipelines.online.calibrate_share import (
    LIKED,
    SHOWN,
    US_PER_HOUR,
    calibrate_and_describe,
    mark_liked,
    read_impressions,
    read_likes,
)
from pipelines.online.live_events import open_event_log
from pipelines.params.params import read_params
from pipelines.release.model_registry import point_alias, remove_alias
from pipelines.release.tracking import open_tracking
from tests.worlds.online.published import PublishedReleases

NOBODY = ForgottenUsers({})
DAY_US = 24 * US_PER_HOUR
LONG_AGO = (time.time_ns() // 1000 // DAY_US - 5) * DAY_US
N_LISTS = 400


def impression(user: str | None, at_us: int, **other: Any) -> dict[str, Any]:
    """A list whose ordinary items are o0 and o1, the explored one between them e0."""
    kinds = (("o0", "ordinary"), ("e0", "exploratory"), ("o1", "ordinary"))
    items = [
        {"item_id": item, "position": place, "list": kind, "probability": None}
        for place, (item, kind) in enumerate(kinds)
    ]
    usual = {"arm": "default", "share_is_default": True, "exploration_share": 0.2, "seed": 0}
    known = {"user_id": user, "release_id": "r", "at_us": at_us, "items": items}
    return known | usual | other


def write_log(folder: Path, *lists: dict[str, Any]) -> Path:
    file = folder / "service.log"
    lines = [f"INFO impressions: {json.dumps(each)}" for each in lists]
    noise = ['INFO requests: {"status": 200}', "a line { of no log", ""]
    file.write_text("\n".join([*noise, *lines]) + "\n")
    return file


@pytest.fixture
def promoted(tree: PublishedReleases) -> Iterator[PublishedReleases]:
    """A promoted release, and no share calibrated yet."""
    client = open_tracking()
    point_alias(client, CHAMPION, tree.first)
    yield tree
    client.delete_registered_model_tag(RELEASE_MODEL, CALIBRATED_SHARE)


def test_the_share_moves_by_how_much_more_the_last_explored_item_earns(
    promoted: PublishedReleases, tmp_path: Path
) -> None:
    """Explored items are liked in half of the lists, the last ordinary one in a quarter.

    Twenty looks of prior on each side and the examination of positions, which nothing here tells,
    leave nearly the ratio of 2.
    """
    log = open_event_log(read_params().serving)
    lists = [impression(f"u{n}", LONG_AGO + n) for n in range(N_LISTS)]
    likes = [
        ItemEvent(f"{item}-{n}", f"u{n}", item, LONG_AGO + n + US_PER_HOUR)
        for item, every in (("e0", 2), ("o1", 4))
        for n in range(0, N_LISTS, every)
    ]
    log.append(likes)
    file = write_log(tmp_path, *lists)
    told = list(calibrate_and_describe([file], 24, keep=True))
    assert told[0] == f"{N_LISTS} lists of 1 days, each older than 24 hours"
    client = open_tracking()
    assert CALIBRATED_SHARE not in client.get_registered_model(RELEASE_MODEL).tags
    told = list(calibrate_and_describe([file], 24, keep=False))
    share = float(client.get_registered_model(RELEASE_MODEL).tags[CALIBRATED_SHARE])
    assert share == pytest.approx(2 * read_params().serving.exploration_share, rel=0.1)
    assert f"-> {share:.3f}" in told[-2]
    assert "serving.blend: calibrated" in told[-1]
    list(calibrate_and_describe([file], 24, keep=False))  # from where it stands now
    again = float(client.get_registered_model(RELEASE_MODEL).tags[CALIBRATED_SHARE])
    assert again == pytest.approx(min(2 * share, 0.5), rel=0.1)
    log.drop([like.event_id for like in likes])


def test_young_lists_and_those_without_both_kinds_change_nothing(
    promoted: PublishedReleases, tmp_path: Path
) -> None:
    young = impression("u1", time.time_ns() // 1000)
    plain = impression("u2", LONG_AGO)
    plain["items"] = plain["items"][:1]
    told = list(calibrate_and_describe([write_log(tmp_path, young, plain)], 24, keep=False))
    assert told == [
        "1 lists of 1 days, each older than 24 hours",
        "no list shows items of both kinds: the share stays 0.2",
    ]


def test_without_a_champion_there_is_nothing_to_calibrate(
    promoted: PublishedReleases, tmp_path: Path
) -> None:
    remove_alias(open_tracking(), CHAMPION)
    with pytest.raises(ReleaseError, match="has the alias champion"):
        list(calibrate_and_describe([write_log(tmp_path)], 24, keep=False))


def test_whose_share_was_not_the_usual_one_does_not_count(tmp_path: Path) -> None:
    asked = impression("u1", LONG_AGO, share_is_default=False)
    other = impression("u2", LONG_AGO, arm="bold")
    session = impression(None, LONG_AGO)
    before, after = impression("gone", LONG_AGO), impression("gone", LONG_AGO + DAY_US)
    cut = datetime.fromtimestamp((LONG_AGO + DAY_US // 2) / 1e6, UTC)
    forgotten = ForgottenUsers({hash_of_user("gone"): cut})
    lists = (asked, other, session, before, after, impression("kept", LONG_AGO))
    shown = read_impressions([write_log(tmp_path, *lists)], forgotten)
    assert set(zip(shown["user_id"], shown["at_us"], strict=True)) == {
        ("gone", LONG_AGO + DAY_US),
        ("kept", LONG_AGO),
    }
    assert shown["is_exploratory"].to_list() == [False, True, False] * 2


def test_lines_of_json_alone_are_read_too(tmp_path: Path) -> None:
    file = tmp_path / "lines.json"
    file.write_text(json.dumps(impression("u", LONG_AGO)) + "\n" + json.dumps({"status": 1}) + "\n")
    assert len(read_impressions([file], NOBODY)) == 3


def test_a_file_that_is_not_there_and_a_line_cut_off_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing\.log"):
        read_impressions([tmp_path / "missing.log"], NOBODY)
    file = write_log(tmp_path, impression("u", LONG_AGO))
    whole = file.read_text().rstrip("\n")
    file.write_text(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"service\.log, line 4.*cut off"):
        read_impressions([file], NOBODY)


def test_what_is_liked_is_what_the_feedback_says(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.db")
    for n, feedback in enumerate((None, 3.5, 4.0)):
        log.append([ItemEvent(str(n), "u", f"i{n}", LONG_AGO, feedback)])
    assert read_likes(log, None)["item_id"].to_list() == ["i0", "i1", "i2"]
    assert read_likes(log, 4.0)["item_id"].to_list() == ["i0", "i2"]


TIMES = st.integers(0, 12)
LISTS = st.lists(st.tuples(st.sampled_from("ab"), TIMES), min_size=1, max_size=6, unique=True)
LIKES = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), TIMES), max_size=8)


@given(LISTS, LIKES, st.integers(0, 5))
def test_a_like_counts_for_the_last_list_before_it_that_showed_the_item(
    lists: list[tuple[str, int]], likes: list[tuple[str, str, int]], hours: int
) -> None:
    rows = [
        (0, number, place, False, user, item, hour * US_PER_HOUR)
        for number, (user, hour) in enumerate(lists)
        for place, item in enumerate("xy")
    ]
    shown = pl.DataFrame(rows, schema=SHOWN, orient="row")
    events = pl.DataFrame(
        [(user, item, hour * US_PER_HOUR) for user, item, hour in likes],
        schema=LIKED,
        orient="row",
    )
    expected = set()
    for user, item, hour in likes:
        earlier = [time for who, time in lists if who == user and hour - hours <= time <= hour]
        if earlier:
            expected.add((user, item, max(earlier)))
    marked = mark_liked(shown, events, hours).filter("is_positive")
    found = zip(marked["user_id"], marked["item_id"], marked["at_us"] // US_PER_HOUR, strict=True)
    assert set(found) == expected


def test_the_share_is_followed_in_the_settings_by_name() -> None:
    with pytest.raises(ValueError, match="blend"):
        ServingConfig.model_validate({"blend": "often"})
