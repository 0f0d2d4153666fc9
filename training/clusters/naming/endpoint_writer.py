"""Lets a server that speaks OpenAI's chat completions write descriptions, at temperature 0."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request

from expectations.contracts.errors import UserError
from training.clusters.config import LanguageModelConfig
from training.clusters.naming.name_writer import INSTRUCTION, Brief, NoAnswer

ROUTE = "/chat/completions"
HOPELESS = frozenset({400, 401, 403, 404, 405, 422})  # the next brief would fare no better
MAX_REPLY_BYTES = 1_000_000
"""Far more than a name and what models say around it; a broken server cannot fill the memory."""
FIRST_PAUSE_SECONDS = 0.5
"""Before the second attempt; each further one waits twice as long."""


class EndpointWriter:
    """A model behind an address such as ``https://host/v1``.

    The key, where one is needed, is read from the environment variable that the settings name; it
    is sent to this address only and written nowhere.

    Raises:
        UserError: that variable is not set.
    """

    def __init__(self, address: str, config: LanguageModelConfig) -> None:
        trimmed = address.rstrip("/")
        self._address = trimmed if trimmed.endswith(ROUTE) else trimmed + ROUTE
        self._config = config
        self._headers = {"Content-Type": "application/json"}
        if config.key_variable is not None:
            key = os.environ.get(config.key_variable, "").strip()
            if not key:
                raise UserError(
                    "clusters.description.language_model.key_variable",
                    "names an environment variable that holds the key",
                    "set the variable, or null where the server asks for no key",
                    config.key_variable,
                )
            self._headers["Authorization"] = f"Bearer {key}"

    def answer(self, brief: Brief) -> str:
        """Return the server's answer; what may pass by itself is tried again, later each time.

        Raises:
            NoAnswer: the server was busy, broken, too slow or unclear every time.
            UserError: it refuses such requests at all.
        """
        reason = ""
        for attempt in range(self._config.attempts):
            if attempt:
                time.sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                return _read_content(self._ask(brief))
            except urllib.error.HTTPError as error:
                error.close()
                reason = f"status {error.code}"
                if error.code in HOPELESS:
                    raise self._refused(reason) from None
            # A time-out while reading is no URLError, and a line cut off is an HTTPException.
            except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
                reason = type(error).__name__
        raise NoAnswer(reason)

    def _ask(self, brief: Brief) -> bytes:
        body = {
            "model": self._config.model,
            "messages": [
                {"role": "system", "content": INSTRUCTION},
                {"role": "user", "content": brief.render()},
            ],
            "temperature": 0,
            "seed": 0,
            "max_tokens": self._config.max_answer_tokens,
        }
        request = urllib.request.Request(
            self._address, json.dumps(body).encode(), self._headers, method="POST"
        )
        with urllib.request.urlopen(request, timeout=self._config.timeout_seconds) as reply:
            content: bytes = reply.read(MAX_REPLY_BYTES)
        return content

    def _refused(self, reason: str) -> UserError:
        return UserError(
            "clusters.description.writer",
            "an http(s) address answers chat completions for the model and the key given",
            "check the address, language_model.model and language_model.key_variable",
            f"{self._address}: {reason}",
        )


def _read_content(reply: bytes) -> str:
    """Return the text of the first choice.

    Raises:
        ValueError, LookupError: the reply is not of that format.
    """
    content = json.loads(reply)["choices"][0]["message"]["content"]
    if not isinstance(content, str):
        raise ValueError("the content is no text")
    return content
