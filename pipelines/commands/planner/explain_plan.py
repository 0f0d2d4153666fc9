"""`explorer explain-plan USER`: why a user's planned interests are planned, in words."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "explorer explain-plan u0042 --count 3"


def command(
    user: Annotated[str, typer.Argument(help="a user_id of the log")],
    count: Annotated[int, typer.Option(min=1, help="planned interests that are explained")] = 5,
) -> None:
    """Explain a user's plan in the last built tree: rows, evidence by kind, what is added.

    Live events are not looked at: the plan is that of the batch's histories.
    """
    from pipelines.io.clusters_reader import read_clusters
    from pipelines.params.params import read_params
    from pipelines.planner.explain_plan import explain_plan
    from pipelines.planner.explained_text import describe_plan

    params = read_params()
    clusters = read_clusters(params.clusters.serving_level)
    plan = explain_plan(params, clusters, user, count)
    print("\n".join(describe_plan(plan, clusters.shown)))
