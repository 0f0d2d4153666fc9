"""The registry's file is replaced as a whole: it is never seen, or left, without its content."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from feast import FeatureStore
from feast.repo_config import RegistryConfig

from inference.features.online_features import USER_SERVICE
from inference.store.registry_file import WholeFileRegistryStore
from pipelines.online.feature_store import open_store
from tests.worlds.online.stores import working_tree

WRITES = 200


@pytest.fixture
def registry_file(tmp_path: Path) -> Iterator[Path]:
    """The registry of a working tree in which the definitions are applied."""
    with working_tree("embedded", tmp_path / "tree") as root:
        yield root / "var" / "feast_registry.db"


@contextmanager
def full_disk(n_bytes: int) -> Iterator[None]:
    """Let no file grow beyond ``n_bytes``, as on a disk without room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def knows_users(store: FeatureStore) -> bool:
    return USER_SERVICE in [service.name for service in store.list_feature_services()]


def test_the_settings_select_it(registry_file: Path) -> None:
    assert isinstance(open_store().registry._registry_store, WholeFileRegistryStore)


def test_a_reader_never_finds_it_empty_while_it_is_written(registry_file: Path) -> None:
    store = WholeFileRegistryStore(RegistryConfig(path=str(registry_file)), Path())
    whole = store.get_registry_proto()
    assert whole.feature_services

    def write() -> None:
        for _ in range(WRITES):
            store.update_registry_proto(whole)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        found = []
        while not writing.done():
            found.append(len(store.get_registry_proto().feature_services))
        writing.result()
    assert set(found) == {len(whole.feature_services)}


def test_what_cannot_be_written_leaves_the_registry_as_it_was(registry_file: Path) -> None:
    before = registry_file.read_bytes()
    store = open_store()
    with full_disk(len(before) // 2), pytest.raises(OSError, match="too large"):
        store.registry.commit()
    assert registry_file.read_bytes() == before
    assert knows_users(open_store())
    assert [file.name for file in registry_file.parent.glob("*.partial")] == []
