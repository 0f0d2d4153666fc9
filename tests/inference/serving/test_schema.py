"""Whatever the OpenAPI document allows or forbids, the service answers as the document says."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from inference.features.online_features import FeatureReader
from inference.release.release_source import ReleaseSource
from inference.serving.app import create_app
from inference.serving.config import ServingConfig
from inference.serving.release_loader import ReleaseLoader
from pipelines.io import paths
from pipelines.online.feature_store import open_store
from pipelines.online.live_events import open_live_view
from pipelines.release.tracking import tracking_uri
from tests.inference.serving.asked_service import set_champion
from tests.worlds.online.published import PublishedReleases

CASES_EACH = int(os.environ.get("SCHEMA_CASES", "10"))
"""Of every route; with SCHEMA_CASES=200 they are some five thousand in all."""
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture(scope="module")
def document(
    published: PublishedReleases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[schemathesis.openapi.OpenApiSchema]:
    log = tmp_path_factory.mktemp("log") / "events.db"
    config = ServingConfig(
        shown_clusters="",
        event_log=str(log),
        forgotten_users=str(log.with_name("forgotten.txt")),
        max_count=20,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(published.root)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        database = Path(published.root) / paths.VAR / "feast_online.db"
        before = database.read_bytes()
        set_champion(published.first)
        reader = FeatureReader(open_store)
        loader = ReleaseLoader(ReleaseSource(tracking_uri()), reader, config)
        loader.refresh()
        app = create_app(loader, reader, config, open_live_view(config))
        yield schemathesis.openapi.from_asgi("/openapi.json", app)
        database.write_bytes(before)


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_one_that_the_document_has(
    document: schemathesis.openapi.OpenApiSchema, mode: GenerationMode
) -> None:
    n_cases = 0
    for found in document.get_all_operations():

        @hypothesis.settings(
            max_examples=CASES_EACH,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=found.ok().as_strategy(generation_mode=mode))
        def check(case: schemathesis.Case) -> None:
            nonlocal n_cases
            n_cases += 1
            case.call_and_validate(checks=CHECKS)

        with contextlib.suppress(Unsatisfiable):  # a route without input has nothing wrong to say
            check()
    print(f"{n_cases} cases")
    assert n_cases >= 10 * CASES_EACH
