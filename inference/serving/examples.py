"""Examples of plans and lists for the OpenAPI document."""

from __future__ import annotations

from inference.serving.http.answer_examples import Example

JAZZ: Example = {"cluster_id": 3, "description": "jazz guitar", "name": "jazz guitar"}
BIRDS: Example = {"cluster_id": 7, "description": "garden birds", "name": "garden birds"}
PLAN_EXAMPLE: Example = {
    "user_id": "ann",
    "release_id": "0" * 64,
    "arm": "default",
    "answered_by": "single_cluster",
    "history": [JAZZ],
    "planned": [
        BIRDS | {"score": -2.31, "distance": "new_field", "led_by": [JAZZ], "is_pinned": False}
    ],
    "missing_rows": 0,
}
LIST_EXAMPLE: Example = PLAN_EXAMPLE | {
    "exploration_share": 0.2,
    "seed": 7,
    "items": [
        {
            "item_id": "item-0000042",
            "title": "Birds at the window",
            "cluster": BIRDS,
            "from_list": "exploratory",
            "reason": "planned",
            "distance": "new_field",
            "is_novel": True,
            "led_by": [JAZZ],
            "probability": 0.31,
        }
    ],
}
BATCH_EXAMPLE: Example = {"answers": [LIST_EXAMPLE]}
