"""Examples of answers as the OpenAPI document has them; a test holds them against its schemas."""

from __future__ import annotations

from inference.serving.http.problems import Responses

Example = dict[str, object]


def answered(example: Example) -> Responses:
    """Return an example of what a route answers, as FastAPI takes it."""
    return {200: {"content": {"application/json": {"example": example}}}}
