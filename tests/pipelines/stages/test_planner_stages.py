"""The base_model and planner stages on a small world: what they leave, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from expectations.contracts.content_hash import ContentHash, hash_content
from expectations.contracts.errors import UserError
from expectations.contracts.tables import CASES, CLUSTERS, ITEM_CLUSTERS, ITEMS, TRANSITIONS
from inference.plans.config import PlanConfig
from pipelines.io import paths
from pipelines.io.artefact_io import atomic_file, read_json, read_table, write_table
from pipelines.io.plan_reader import read_plan
from pipelines.params.params import read_params
from pipelines.reference.metrics import unexplained
from pipelines.stages import alignment, base_model, planner
from tests.worlds.collective import make_signal
from tests.worlds.planner import co_interest_world, planned_rule_world
from tests.worlds.tiny_gguf import write_gguf
from tests.worlds.tiny_models import save_tiny_base
from training.alignment.alignment_io import load_alignment
from training.clusters.distance import DISTANCES
from training.collective.signal import save_signal
from training.planner.base.model_io import load_planner

TINY = {
    "embedded": {
        "vocabulary": 400,
        "hidden_size": 32,
        "intermediate_size": 64,
        "layers": 1,
        "heads": 2,
        "steps": 5,
        "batch_size": 4,
    },
    "batch_size": 4,
    "listwise_choices": 2,
    "max_steps": 4,
    "evaluate_every": 2,
}


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the tables that both stages read; returns it, entered."""
    monkeypatch.chdir(tmp_path)
    world = co_interest_world(8, n_users=40)
    view = world.clusters
    nodes = pl.DataFrame(
        {
            "level": 0,
            "cluster_id": range(view.n_clusters),
            "parent_id": pl.Series([None] * view.n_clusters, dtype=pl.Int64),
            "description": view.descriptions,
            "n_items": 4,
            "traffic": 1 / view.n_clusters,
            "distinction": pl.Series([None] * view.n_clusters, dtype=pl.String),
        }
    )
    write_table(nodes, paths.CLUSTERS, CLUSTERS)
    members = view.item_cluster_frame().with_columns(level=0)
    write_table(members, paths.ITEM_CLUSTERS, ITEM_CLUSTERS)
    write_table(world.items, paths.ITEMS, ITEMS)
    write_table(world.transitions, paths.TRANSITIONS, TRANSITIONS)
    write_table(ask_for(world.transitions), paths.CASES, CASES)
    for seed, path in enumerate((paths.SIGNAL_BEFORE_VALIDATION, paths.SIGNAL_BEFORE_TEST)):
        with atomic_file(path) as file:
            save_signal(make_signal(seed, view.n_clusters), file)
    return tmp_path


def ask_for(transitions: pl.DataFrame) -> pl.DataFrame:
    """CASES that ask for the target of every validation transition."""
    return transitions.filter(pl.col("split") == "validation").select(
        "split",
        pl.col("event_timestamp").alias("origin"),
        "user_id",
        "history_clusters",
        "consumed_clusters",
        pl.concat_list("target_cluster").alias("positives"),
    )


def set_params(
    planner_section: dict[str, object],
    clusters: dict[str, object] | None = None,
    plan: dict[str, object] | None = None,
) -> None:
    content = {
        "plan": plan or {},
        "runtime": {"seed": 0, "threads": 1},
        "clusters": clusters or {"levels": [8]},
        "planner": TINY | planner_section,
    }
    Path("params.yaml").write_text(yaml.safe_dump(content))


def put_between_other_levels() -> None:
    """Put the clusters of the house below 2 broader ones and above 16 narrower ones."""
    top, middle, bottom = (pl.lit(level, dtype=pl.Int64).alias("level") for level in range(3))
    own, broader = pl.col("cluster_id"), pl.col("cluster_id") % 2
    served = read_table(paths.CLUSTERS, CLUSTERS)
    twice = pl.concat([served, served]).with_columns(bottom, parent_id=own)
    nodes = [
        served.head(2).with_columns(top, description=pl.format("field {}", own)),
        served.with_columns(middle, parent_id=broader),
        twice.with_columns(cluster_id=pl.Series(range(twice.height))).with_columns(
            description=pl.format("kind {}", own)
        ),
    ]
    write_table(pl.concat(nodes), paths.CLUSTERS, CLUSTERS)
    items = read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS)
    half = pl.col("item_id").rank("ordinal").over("cluster_id").cast(pl.Int64) % 2
    members = [
        items.with_columns(top, cluster_id=broader),
        items.with_columns(middle),
        items.with_columns(bottom, cluster_id=own + served.height * half),
    ]
    write_table(pl.concat(members), paths.ITEM_CLUSTERS, ITEM_CLUSTERS)


@pytest.mark.usefixtures("house")
def test_the_stages_leave_a_base_model_an_adapter_and_its_curve() -> None:
    set_params({})
    base_model.main(read_params())
    planner.main(read_params())
    loaded = load_planner(paths.BASE_MODEL, paths.PLANNER_ADAPTER)
    assert loaded.model.config.hidden_size == 32
    curve = pl.read_csv(paths.PLANNER_CURVE)
    assert curve["step"].to_list() == [2, 4]
    assert curve.columns == [
        "step",
        "train_loss",
        "validation_loss",
        "validation_recall_at_10",
        "match_rate",
        "validation_coverage_at_5",
    ]


@pytest.mark.usefixtures("house")
def test_a_refit_starts_from_the_adapter_that_validation_judged() -> None:
    set_params({})
    base_model.main(read_params())
    planner.main(read_params())
    weights = "adapter_model.safetensors"
    judged, released = (
        (folder / weights).read_bytes()
        for folder in (paths.ADAPTER_BEFORE_VALIDATION, paths.PLANNER_ADAPTER)
    )
    assert judged != released
    set_params({"refit": False})
    planner.main(read_params())
    assert (paths.ADAPTER_BEFORE_VALIDATION / weights).read_bytes() == judged
    assert (paths.PLANNER_ADAPTER / weights).read_bytes() == judged


@pytest.mark.usefixtures("house")
def test_the_alignment_is_weighed_on_validation_and_refitted_with_it() -> None:
    set_params({})
    base_model.main(read_params())
    planner.main(read_params())
    alignment.main(read_params())
    n_clusters = read_table(paths.CLUSTERS, CLUSTERS).height
    early, late = (
        load_alignment(path, n_clusters)
        for path in (paths.ALIGNMENT_BEFORE_VALIDATION, paths.ALIGNMENT)
    )
    assert not np.array_equal(early.user_model.weights, late.user_model.weights)
    assert (early.plan_weight, early.user_weight) == (late.plan_weight, late.user_weight)
    figures = read_json(paths.metrics_of("alignment"))
    assert unexplained("alignment", figures) == []
    assert figures["n_validation_cases"] == read_table(paths.CASES, CASES).height > 0
    assert figures["user_weight"] == round(late.user_weight, 4)
    for alignment_of in (early, late):
        plans = alignment_of.reference.probabilities
        assert 0 < len(plans) <= figures["n_validation_cases"]
        assert not np.isfinite(plans[:, :-1]).any()  # a tree of one level: all is a new field
        assert np.isfinite(plans[:, -1, 0]).any()
    assert {f"price_{distance}" for distance in DISTANCES} >= {
        name for name in figures if name.startswith("price_")
    }
    mix = read_plan().mix
    assert mix is not None
    liked = [figures[f"liked_share_{distance}"] for distance in DISTANCES]
    assert [round(share, 4) for share in mix.weights] == liked
    assert mix.new_field > 0.9  # all that can be liked in such a tree
    assert sum(mix.weights) == pytest.approx(1)


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize("mix", [None, {"adjacent": 1.0, "new_family": 2.0, "new_field": 2.0}])
def test_a_mix_that_was_chosen_is_the_one_that_is_served(mix: dict[str, float] | None) -> None:
    set_params({}, plan={"mix": mix})
    base_model.main(read_params())
    planner.main(read_params())
    alignment.main(read_params())
    assert read_plan() == PlanConfig.model_validate({"mix": mix})


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(
    "served", [{"levels": [2, 16], "wanted": 8}, {"levels": [2, 8, 16], "level": 1}]
)
def test_base_model_and_planner_learn_the_clusters_that_are_served(
    served: dict[str, object],
) -> None:
    def train() -> list[ContentHash]:
        base_model.main(read_params())
        planner.main(read_params())
        return [hash_content(path) for path in (paths.BASE_MODEL, paths.PLANNER_ADAPTER)]

    set_params({})
    alone = train()
    put_between_other_levels()
    set_params({}, served)
    assert train() == alone


def test_a_local_model_folder_can_be_the_base(house: Path) -> None:
    folder = save_tiny_base(house / "mine", "llama", planned_rule_world().descriptions)
    hardware = {"dtype": "bfloat16", "gradient_checkpointing": True, "micro_batch": 3}
    set_params({"base_model": str(folder), "hardware": hardware})
    base_model.main(read_params())
    planner.main(read_params())
    assert [file.name for file in paths.BASE_MODEL.iterdir()] == ["reference.json"]
    assert load_planner(paths.BASE_MODEL, paths.PLANNER_ADAPTER).model.config.model_type == "llama"


def test_a_gguf_file_is_read_once_and_the_planner_does_without_it(house: Path) -> None:
    descriptions = planned_rule_world().descriptions
    file = write_gguf(save_tiny_base(house / "mine", "llama", descriptions), house / "mine.gguf")
    set_params({"base_model": str(file)})
    base_model.main(read_params())
    file.unlink()
    planner.main(read_params())
    assert load_planner(paths.BASE_MODEL, paths.PLANNER_ADAPTER).model.config.model_type == "llama"


def test_a_base_model_that_is_not_there_leaves_nothing_behind(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    set_params({"base_model": str(house / "nowhere")})
    with pytest.raises(UserError, match="is a model folder or a Hugging Face id"):
        base_model.main(read_params())
    assert not paths.BASE_MODEL.exists()
