"""Keys over the real service: who gets in, how often, and what nobody learns of a key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from fastapi.testclient import TestClient

from expectations.contracts.errors import UserError
from inference.serving.http.api_keys import read_keys, scope_needed
from pipelines.online.make_key import describe_new_key
from tests.inference.serving.asked_service import CONFIG, serve, set_champion
from tests.worlds.online.published import PublishedReleases

LIST = "/v1/users/ann/recommendations"
LIST_ROUTE = "/v1/users/{user_id}/recommendations"


def new_key(name: str, scopes: list[str], per_second: float | None = None) -> tuple[str, str]:
    """Make a key as the command does: the key, and the entry that goes into the file."""
    told, _, entry = describe_new_key(name, scopes, per_second)
    return told.split()[-1], entry


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    made = {
        "reader": new_key("reader", ["read"]),
        "writer": new_key("writer", ["write"]),
        "scraper": new_key("scraper", ["metrics"]),
        "chief": new_key("chief", ["admin"]),
        "hasty": new_key("hasty", ["read"], per_second=0.001),
    }
    text = "\n".join(entry for _, entry in made.values())
    (tmp_path / "keys.yaml").write_text(text)
    return {name: key for name, (key, _) in made.items()}


@pytest.fixture
def guarded(tree: PublishedReleases, keys: dict[str, str], tmp_path: Path) -> Iterator[TestClient]:
    set_champion(tree.first)
    config = CONFIG.model_copy(update={"api_keys": str(tmp_path / "keys.yaml")})
    with serve(config=config) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_a_key_opens_what_its_scopes_say(guarded: TestClient, keys: dict[str, str]) -> None:
    statuses = {
        name: [guarded.get(path, headers=bearer(keys[name])).status_code for path in asked]
        for name in ("reader", "writer", "scraper", "chief")
        for asked in [(LIST, "/metrics", "/v1/release")]
    }
    assert statuses == {
        "reader": [200, 403, 200],
        "writer": [403, 403, 403],
        "scraper": [403, 200, 403],
        "chief": [200, 200, 200],
    }
    assert guarded.get(LIST, headers={"x-api-key": keys["reader"]}).status_code == 200


def test_probes_and_the_page_need_no_key(guarded: TestClient) -> None:
    for path in ("/healthz", "/readyz", "/", "/page/page.js", "/openapi.json"):
        assert guarded.get(path).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer "},
        {"authorization": "Bearer ie_wrong"},
        {"authorization": "Basic YW5uOmFubg=="},
        {"x-api-key": "\u00fcml\u00e4ut"},
    ],
)
def test_without_a_valid_key_nothing_is_told(guarded: TestClient, headers: dict[str, str]) -> None:
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = guarded.get(LIST, headers=sent)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json() == {"detail": "a valid API key is needed"}


def test_two_credentials_are_none(guarded: TestClient, keys: dict[str, str]) -> None:
    """Of two, a proxy may have looked at the other one."""
    twice = [("authorization", f"Bearer {keys['reader']}"), ("x-api-key", keys["chief"])]
    assert guarded.get("/metrics", headers=twice).status_code == 401


def test_a_key_that_asks_too_often_is_told_when_to_come_back(
    guarded: TestClient, keys: dict[str, str]
) -> None:
    asked = [guarded.get("/v1/release", headers=bearer(keys["hasty"])) for _ in range(25)]
    assert [answer.status_code for answer in asked].count(200) == 20
    assert asked[-1].status_code == 429
    assert int(asked[-1].headers["retry-after"]) > 0
    assert guarded.get("/v1/release", headers=bearer(keys["reader"])).status_code == 200


def test_metrics_count_lists_and_name_nobody(guarded: TestClient, keys: dict[str, str]) -> None:
    def counted() -> tuple[str, list[float]]:
        page = guarded.get("/metrics", headers=bearer(keys["scraper"])).text
        wanted = (
            'explorer_answers_total{answered_by="full",arm="default"} ',
            f'explorer_requests_total{{method="GET",route="{LIST_ROUTE}",status="200"}} ',
        )
        lines = page.splitlines()
        found = [float(line.split()[-1]) for name in wanted for line in lines if name in line]
        return page, found

    guarded.get(LIST, headers=bearer(keys["reader"]))
    _, before = counted()
    guarded.get(LIST, headers=bearer(keys["reader"]))
    page, after = counted()
    assert [now - then for now, then in zip(after, before, strict=True)] == [1.0, 1.0]
    assert "explorer_ready 1.0" in page
    assert "ann" not in page


def test_the_file_holds_no_key_and_what_is_wrong_with_it_is_told(
    keys: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "keys.yaml"
    assert not any(key in file.read_text() for key in keys.values())
    assert [key.name for key in read_keys(file)] == list(keys)
    for wrong in ("", "[]", "a: 1", yaml.safe_dump([{"name": "x", "sha256": "0", "scopes": []}])):
        file.write_text(wrong)
        with pytest.raises(UserError, match="is a list of keys"):
            read_keys(file)
    with pytest.raises(UserError, match="is a list of keys"):
        read_keys(tmp_path / "absent")


def test_a_new_route_is_guarded_from_its_first_day() -> None:
    assert scope_needed("GET", "/v1/anything") == "read"
    assert scope_needed("DELETE", "/v1/users/ann/interests/3") == "write"
    assert scope_needed("GET", "/pages") == "read"
    assert scope_needed("GET", "//metrics") == "read"
