"""The synthetic world: readable, seeded, true to its published mechanism, made whole or not."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from expectations.contracts.errors import UserError
from pipelines.io.artefact_io import write_json
from pipelines.sources.synthetic.catalogue import read_catalogue
from pipelines.sources.synthetic.config import SyntheticConfig
from pipelines.sources.synthetic.truth import ABOUT, read_truth
from pipelines.sources.synthetic.world import USERS_PER_CHUNK, write_world
from pipelines.sources.synthetic.writing import STRAY_SHARE
from tests.worlds.synthetic import CATALOGUE, POSITIVE_THRESHOLD, SMALL, World, make_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("world"))


def test_catalogue_is_a_tree_of_topics_that_share_no_words() -> None:
    topics = read_catalogue(CATALOGUE)
    words = [word for topic in topics for word in topic.words]
    assert len(topics) >= 60
    assert len({topic.group for topic in topics}) == 16
    assert len({topic.domain for topic in topics}) == 4
    assert all(len(topic.words) >= 10 for topic in topics)
    assert len(words) == len(set(words))


def test_every_user_and_item_is_there_and_rows_are_sorted(world: World) -> None:
    assert world.items.height == SMALL.n_items
    assert world.interactions["user_id"].n_unique() == SMALL.n_users
    assert world.interests["user_id"].to_list() == sorted(world.interactions["user_id"].unique())
    key = ["user_id", "timestamp", "item_id"]
    assert world.interactions.select(key).equals(world.interactions.select(key).sort(key))
    assert set(world.interactions["item_id"]) <= set(world.items["item_id"])
    span = world.interactions["timestamp"]
    assert span.min() >= SMALL.start_time
    assert (span.max() - SMALL.start_time).days < SMALL.days
    assert world.interactions["feedback"].is_between(1, 5).all()


def test_texts_are_filled_in_and_name_their_topic_more_than_any_other(world: World) -> None:
    names = world.truth.topic_names
    texts = (world.items["title"] + " " + world.items["text"]).str.to_lowercase()
    assert not texts.str.contains(r"[{}]").any()
    own = [names[world.truth.topic_of_item[item]] for item in world.items["item_id"]]
    assert np.mean([name in text for name, text in zip(own, texts, strict=True)]) > 0.9
    assert world.items["category_path"].list.len().to_list() == [2] * SMALL.n_items
    strays = world.items["text"].str.contains("Fans of|a joke about|came for").mean()
    assert abs(strays - STRAY_SHARE) < 0.1  # 256 items: half-width of 3 deviations is .086


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_world(
    world: World, tmp_path: Path
) -> None:
    again = make_world(tmp_path / "again")
    other = make_world(tmp_path / "other", seed=1)
    files = sorted(file.relative_to(world.folder) for file in world.folder.rglob("*.*"))
    assert len(files) == 7
    for file in files:
        assert (world.folder / file).read_bytes() == (again.folder / file).read_bytes(), file
    assert not world.interactions.equals(other.interactions)
    assert not world.items.equals(other.items)


def test_more_users_leave_the_first_chunk_as_it_was(tmp_path: Path) -> None:
    sizes = (USERS_PER_CHUNK, USERS_PER_CHUNK + 50)
    one, two = (
        make_world(
            tmp_path / str(size), SyntheticConfig(n_users=size, mean_events_per_user=5, n_items=64)
        )
        for size in sizes
    )
    assert two.interactions["user_id"].n_unique() == sizes[1]
    assert two.interactions.head(one.interactions.height).equals(one.interactions)


def test_interests_are_opened_in_their_order_and_some_are_left(world: World) -> None:
    topic_of = world.truth.topic_of_item
    touched = {
        user: [topic_of[item] for item in items]
        for user, items in world.interactions.group_by("user_id").agg("item_id").iter_rows()
    }
    for user, interests, _, n_opened in world.interests.iter_rows():
        assert len(set(interests)) == len(interests)
        assert set(interests[:n_opened]) <= set(touched[user])
    left = world.interests["interests"].list.len() - world.interests["n_opened"].cast(pl.UInt32)
    assert (left > 0).mean() > 0.6


def test_feedback_tells_interests_from_noise(world: World) -> None:
    topics = pl.DataFrame(
        {
            "item_id": list(world.truth.topic_of_item),
            "topic": list(world.truth.topic_of_item.values()),
        }
    )
    rated = world.interactions.join(topics, on="item_id").join(world.interests, on="user_id")
    inside = pl.col("interests").list.contains(pl.col("topic"))
    shares = dict(rated.group_by(inside).agg(pl.col("is_positive").mean()).iter_rows())
    assert shares[True] > 0.75
    assert shares[False] < 0.25


def test_next_interests_follow_the_published_law(tmp_path: Path) -> None:
    """Drawn interests beyond the first three are partners as often as the law says."""
    world = make_world(tmp_path, SyntheticConfig(n_users=2000, n_items=64))
    mechanism = world.truth.mechanism
    hits, expected = [], []
    for interests in world.interests["interests"]:
        known, following = interests.to_list()[:5], interests[5]
        touched = np.zeros((1, mechanism.n_topics), dtype=bool)
        touched[0, known] = True
        weights = mechanism.attraction(touched)[0]
        partners = (mechanism.co_interest[known].sum(axis=0) > 0) & ~touched[0]
        hits.append(partners[following])
        expected.append(weights[partners].sum() / weights.sum())
    deviation = np.sqrt(np.mean(expected) * (1 - np.mean(expected)) / len(hits))
    assert abs(np.mean(hits) - np.mean(expected)) < 4 * deviation


def test_items_are_skewed_and_drift(tmp_path: Path) -> None:
    world = make_world(tmp_path, SyntheticConfig(n_users=2000, n_items=640))
    counts = world.interactions["item_id"].value_counts(sort=True)["count"]
    assert counts.head(64).sum() / counts.sum() > 0.2  # a tenth of the items, without skew 0.1
    middle = world.interactions["timestamp"].median()
    early, late = (
        set(rows["item_id"].value_counts(sort=True)["item_id"].head(64))
        for rows in (
            world.interactions.filter(pl.col("timestamp") < middle),
            world.interactions.filter(pl.col("timestamp") >= middle),
        )
    )
    assert len(early & late) < 48


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (None, "exists"),
        (b"\xff\x00\x8a", "is YAML"),
        (b"domains: [", "is YAML"),
        (b"domains: []", "is a tree"),
        (b"just words", "is a tree"),
        (
            b"domains: [{name: a, groups: [{name: b, words: [c], topics: [{name: d}]}]}]",
            "is a tree",
        ),
    ],
)
def test_a_faulty_catalogue_is_one_clear_error(
    tmp_path: Path, content: bytes | None, rule: str
) -> None:
    path = tmp_path / "catalogue.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=rule):
        read_catalogue(path)


def test_topics_of_one_name_are_refused(tmp_path: Path) -> None:
    topic = "{name: d, words: [e, f, g, h]}"
    path = tmp_path / "catalogue.yaml"
    path.write_text(
        f"domains: [{{name: a, groups: [{{name: b, words: [c], topics: [{topic}, {topic}]}}]}}]"
    )
    with pytest.raises(UserError, match="unique"):
        read_catalogue(path)


def test_fewer_items_than_topics_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="at least the number of topics, 64"):
        make_world(tmp_path, SyntheticConfig(n_users=10, n_items=63))
    assert not list(tmp_path.iterdir())


def test_without_a_truth_there_is_nothing_to_read(tmp_path: Path) -> None:
    write_json({"available": False}, tmp_path / ABOUT)
    with pytest.raises(UserError, match="synthetic"):
        read_truth(tmp_path)


def write_and_weigh(folder: str, n_users: int) -> None:
    """Make a world in a process of its own and print the peak memory in MB."""
    folder_path = Path(folder)
    write_world(
        CATALOGUE,
        SyntheticConfig(n_users=n_users),
        0,
        POSITIVE_THRESHOLD,
        items_path=folder_path / "items.parquet",
        interactions_path=folder_path / "interactions.parquet",
        truth_folder=folder_path / "truth",
    )
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


@pytest.mark.long
def test_memory_does_not_grow_with_the_users(tmp_path: Path) -> None:
    peaks = []
    for n_users in (20_000, 200_000):
        code = f"from {__name__} import write_and_weigh as w; w({str(tmp_path)!r}, {n_users})"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        peaks.append(float(run.stdout))
    assert peaks[1] < 1.3 * peaks[0], peaks
