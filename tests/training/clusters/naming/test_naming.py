"""A language model may word the names anew: a real model, a real server, every way it can fail."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from expectations.contracts.errors import UserError
from tests.worlds.clusters import CUT, build_topic_world
from tests.worlds.tiny_models import save_tiny_base
from training.clusters.cluster_name import ClusterName
from training.clusters.config import ClusterConfig, DescriptionConfig, LanguageModelConfig
from training.clusters.naming import endpoint_writer
from training.clusters.naming.describe import Names, describe_tree
from training.clusters.naming.name_writer import Refusal, check_answer
from training.clusters.naming.naming import WritingReport, name_tree
from training.clusters.representation.represent import fit_items
from training.clusters.tree.tree import build_tree


def texts_of(levels: Names) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(name.text for name in level) for level in levels)


WORLD = build_topic_world()
PLAIN = ClusterConfig(
    levels=(3, 9),
    representation={"text_dimensions": 12, "collaborative_dimensions": 8},  # type: ignore[arg-type]
)
RNG = np.random.default_rng(0)
REPRESENTED = fit_items(WORLD.items, WORLD.interactions.lazy(), CUT, PLAIN.representation, RNG)[1]
TREE = build_tree(REPRESENTED, PLAIN, RNG)
NAMED = describe_tree(WORLD.items, TREE, REPRESENTED, PLAIN)
KEYWORDS = texts_of(NAMED)
N_NAMES = 12
KEY = "a-key-that-nobody-else-has"


@dataclass
class Server:
    """A server that speaks the format; ``reply`` gets the number of the request and its body."""

    reply: Callable[[int, dict[str, Any]], tuple[int, bytes]]
    address: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)


@contextmanager
def serving(reply: Callable[[int, dict[str, Any]], tuple[int, bytes]]) -> Iterator[Server]:
    served = Server(reply)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            served.asked.append(body)
            served.keys.append(self.headers["Authorization"])
            known = self.path == "/v1/chat/completions"
            status, content = served.reply(len(served.asked), body) if known else (404, b"")
            try:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                pass  # the client gave up waiting

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    served.address = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()


def says(text: str) -> tuple[int, bytes]:
    return 200, json.dumps({"choices": [{"message": {"content": text}}]}).encode()


def asking(writer: str, **settings: object) -> ClusterConfig:
    model = LanguageModelConfig.model_validate({"model": "namer", "attempts": 2, **settings})
    return PLAIN.model_copy(
        update={"description": DescriptionConfig(writer=writer, language_model=model)}
    )


def name(config: ClusterConfig, **kwargs: Any) -> tuple[tuple[tuple[str, ...], ...], WritingReport]:
    names, report = name_tree(WORLD.items, TREE, REPRESENTED, config, **kwargs)
    return texts_of(names), report


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_writer, "FIRST_PAUSE_SECONDS", 0.001)


def test_keywords_write_unless_a_model_is_named() -> None:
    assert name(PLAIN) == (KEYWORDS, WritingReport())
    assert WritingReport().to_metrics() == {}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Home coffee brewing", "home coffee brewing"),
        ('**"Jazz Piano."**\nBecause they are about jazz.', "jazz piano"),
        ("- Name: Rock'n'roll & blues", "rock'n'roll and blues"),
        ("<think>so many koi, and</think>\n\n1980s action", "1980s action"),
        ("<think>never comes to an end", Refusal("empty")),
        ("  \n ", Refusal("empty")),
        ("ponds", Refusal("length")),
        ("all the things one may do by a pond", Refusal("length")),
        ("ponds, lakes", Refusal("unreadable")),
        ("fish | ponds", Refusal("unreadable")),
        ("pond ponds", Refusal("repetition")),
        ("of the", Refusal("repetition")),
        ("Bread bakings", Refusal("duplicate")),
        ("baking of bread", Refusal("duplicate")),
    ],
)
def test_an_answer_is_a_name_or_says_why_not(answer: str, expected: object) -> None:
    assert check_answer(answer, ["bread baking"], DescriptionConfig()) == expected


def test_a_server_names_every_cluster_and_sees_what_it_needs() -> None:
    with serving(lambda nth, _: says(f"Interest{'abcdefghijklm'[nth]} things")) as server:
        names, report = name(asking(server.address))
    assert report == WritingReport(N_NAMES)
    assert names[0] == ("interestb things", "interestc things", "interestd things")
    assert [len(set(level)) for level in names] == [3, 9]
    assert report.to_metrics() == {"n_written_descriptions": 12, "n_refused_descriptions": 0}
    assert len(server.asked) == N_NAMES
    first = server.asked[0]
    assert (first["model"], first["temperature"], first["max_tokens"]) == ("namer", 0, 32)
    told = first["messages"][1]["content"]
    rows = np.flatnonzero(TREE.labels[0] == 0)
    best = rows[np.argmax(REPRESENTED.traffic[rows])]
    assert WORLD.items["title"][int(best)] in told
    assert KEYWORDS[0][0] in told
    assert KEYWORDS[0][1] in told
    assert server.keys == [None] * N_NAMES


def test_what_cannot_be_used_keeps_its_keywords_and_is_counted() -> None:
    answers = ["much too long a name for anybody to read", "one", "same name", "same name", ""]
    with serving(lambda nth, _: says(answers[(nth - 1) % 5])) as server:
        names, report = name(asking(server.address))
    # The names of a level must differ, those of two levels need not.
    assert report.n_written == 2
    assert report.refused == {"length": 6, "duplicate": 2, "empty": 2}
    assert [sum(n == "same name" for n in level) for level in names] == [1, 1]
    for level, keywords in zip(names, KEYWORDS, strict=True):
        assert set(level) - {"same name"} < set(keywords)
        assert len(set(level)) == len(level)


def test_a_name_that_another_cluster_may_fall_back_on_is_refused() -> None:
    with serving(lambda nth, _: says(KEYWORDS[0][1] if nth == 1 else "")) as server:
        names, report = name(asking(server.address))
    assert names == KEYWORDS
    assert report.refused == {"duplicate": 1, "empty": N_NAMES - 1}


def test_a_name_kept_from_a_previous_tree_is_not_asked_for() -> None:
    kept = ({1: ClusterName("an older name")}, {})
    with serving(lambda nth, _: says("an older name")) as server:
        names, report = name(asking(server.address), kept=kept)
    assert names[0][1] == "an older name"
    assert len(server.asked) == N_NAMES - 1
    assert report.refused == {"duplicate": 2 + 8}


@pytest.mark.parametrize(
    "broken",
    [
        (500, b"on fire"),
        (429, b"too many"),
        (200, b"not json"),
        (200, b'{"choices": []}'),
        (200, b'{"choices": [{"message": {"content": null}}]}'),
    ],
)
def test_a_server_that_recovers_is_asked_again(broken: tuple[int, bytes]) -> None:
    with serving(lambda nth, _: broken if nth % 2 else says(f"name {nth} x")) as server:
        _, report = name(asking(server.address))
    assert report.n_written == N_NAMES
    assert len(server.asked) == 2 * N_NAMES


def test_one_slow_reply_costs_one_name_and_no_more() -> None:
    def reply(nth: int, _: dict[str, Any]) -> tuple[int, bytes]:
        if nth == 1:
            time.sleep(1.5)
        return says(f"{'abcdefghijklm'[nth]}{nth} things")

    with serving(reply) as server:
        names, report = name(asking(server.address, timeout_seconds=0.4, attempts=1))
    assert report == WritingReport(N_NAMES - 1, {"no_answer": 1})
    assert names[0][0] == KEYWORDS[0][0]


def test_a_server_that_never_answers_is_a_user_error() -> None:
    with serving(lambda nth, _: (503, b"")) as server, pytest.raises(UserError, match="answers"):
        name(asking(server.address))
    with pytest.raises(UserError, match="no answer to 12 requests"):
        name(asking(server.address, attempts=1))


@pytest.mark.parametrize("status", [401, 404])
def test_a_server_that_refuses_is_a_user_error_at_once(status: int) -> None:
    with serving(lambda nth, _: (status, b"no")) as server:
        with pytest.raises(UserError, match=f"status {status}"):
            name(asking(server.address))
        assert len(server.asked) == 1


def test_the_key_comes_from_the_named_variable_and_shows_nowhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NAMER_KEY", KEY)
    with serving(lambda nth, _: (401, b"no")) as server:
        config = asking(server.address, key_variable="NAMER_KEY")
        with pytest.raises(UserError) as raised:
            name(config)
    assert server.keys == [f"Bearer {KEY}"]
    assert KEY not in str(raised.value) + config.model_dump_json() + str(capsys.readouterr())
    monkeypatch.delenv("NAMER_KEY")
    with pytest.raises(UserError, match="NAMER_KEY"):
        name(config)


@pytest.mark.parametrize(
    "settings",
    [
        {"writer": "http://localhost:8000/v1"},
        {"writer": ""},
        {"writer": "x", "language_model": {"key_variable": "sk-abc.def"}},
        {"writer": "x", "language_model": {"attempts": 0}},
        {"language_model": {"api_key": "x"}},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        DescriptionConfig.model_validate(settings)


def test_a_local_model_writes_the_same_twice_and_every_name_is_sound(tmp_path: Path) -> None:
    folder = save_tiny_base(tmp_path / "base", "llama", KEYWORDS[1])
    first, report = name(asking(str(folder), max_answer_tokens=8))
    again, _ = name(asking(str(folder), max_answer_tokens=8))
    assert first == again
    assert report.n_written + sum(report.refused.values()) == N_NAMES
    for level in first:
        assert len(set(level)) == len(level)
        assert all(2 <= len(found.split()) <= 6 for found in level)


def test_a_folder_that_holds_no_model_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"clusters\.description\.writer"):
        name(asking(str(tmp_path)))
