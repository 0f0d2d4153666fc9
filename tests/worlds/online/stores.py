"""The two stores that a release may be served from, each opened by the one setting that selects it.

``embedded`` is sqlite with a registry file, ``production`` is Redis with a PostgreSQL registry.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from feast.constants import FEAST_FS_YAML_FILE_PATH_ENV_NAME

from pipelines.io import paths
from pipelines.online.feature_store import SETTINGS, apply_definitions, open_store
from tests.servers import postgres_server, redis_server

REPOSITORY = Path(__file__).resolve().parents[3]
STORES = ("embedded", "production")
PRODUCTION = paths.FEATURE_REPO / "feature_store.production.yaml"


@contextmanager
def working_tree(kind: str, root: Path) -> Iterator[Path]:
    """Make ``root`` the working directory, with the definitions applied and the store selected."""
    with selected_store(kind, root):
        apply_definitions(open_store())
        yield root


@contextmanager
def selected_store(kind: str, root: Path) -> Iterator[None]:
    """Make ``root`` the working directory and select a store there, its servers running."""
    folder = root / paths.FEATURE_REPO
    folder.mkdir(parents=True, exist_ok=True)
    for settings in (REPOSITORY / paths.FEATURE_REPO).glob("*.yaml"):
        shutil.copyfile(settings, folder / settings.name)
    (root / "params.yaml").touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("FEAST_FS_YAML_FILE_PATH", raising=False)
        if kind == "embedded":
            yield
            return
        servers = root.with_name(f"{root.name}-servers")
        servers.mkdir()
        with postgres_server(servers) as registry, redis_server(servers) as redis:
            patch.setenv("FEAST_FS_YAML_FILE_PATH", str(PRODUCTION))
            patch.setenv("FEAST_REGISTRY", registry)
            patch.setenv("FEAST_REDIS", redis)
            yield


@contextmanager
def another_registry(file: Path) -> Iterator[None]:
    """Let the stores in use have ``file`` for their feature registry, whatever is in it."""
    chosen = os.environ.get(FEAST_FS_YAML_FILE_PATH_ENV_NAME)
    settings = yaml.safe_load(Path(chosen or paths.FEATURE_REPO / SETTINGS).read_text())
    settings["registry"] = {"registry_type": "file", "path": str(file)}
    changed = file.with_suffix(".yaml")
    changed.write_text(yaml.safe_dump(settings))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FEAST_FS_YAML_FILE_PATH_ENV_NAME, str(changed))
        yield
