"""Where every artefact lies, relative to the top of the repository. Nobody else spells a path."""

from __future__ import annotations

from pathlib import Path

PARAMS_FILE = Path("params.yaml")
PIPELINE_FILE = Path("dvc.yaml")
ARTIFACTS = Path("artifacts")
METRICS = Path("metrics")
VAR = Path("var")  # run-time state; a stage reads what a break left of its work, and the list below
FORGOTTEN_USERS = VAR / "forgotten_users.txt"  # the one file there that git keeps

# ingest
ITEMS = ARTIFACTS / "ingest" / "items.parquet"
INTERACTIONS = ARTIFACTS / "ingest" / "interactions.parquet"
TIMELINE = ARTIFACTS / "ingest" / "timeline.json"
DATA_SEEN = ARTIFACTS / "ingest" / "data_seen.json"
TRUTH = ARTIFACTS / "truth"  # only the experiment stage and the tests may read it

# clusters
CLUSTERS = ARTIFACTS / "clusters" / "clusters.parquet"
ITEM_CLUSTERS = ARTIFACTS / "clusters" / "item_clusters.parquet"
ITEM_EMBEDDINGS = ARTIFACTS / "clusters" / "item_embeddings.parquet"
TREE_CENTROIDS = ARTIFACTS / "clusters" / "centroids"
CLUSTER_CHANGES = ARTIFACTS / "clusters" / "changes.json"
CLUSTER_CHANGES_PAGE = ARTIFACTS / "clusters" / "changes.md"
CLUSTER_MAP = ARTIFACTS / "clusters" / "map.html"

# histories and curate
USER_CLUSTER_HISTORY = ARTIFACTS / "histories" / "user_cluster_history.parquet"
USER_ITEM_HISTORY = ARTIFACTS / "histories" / "user_item_history.parquet"
TRANSITIONS = ARTIFACTS / "curate" / "transitions.parquet"
CASES = ARTIFACTS / "curate" / "cases.parquet"
ITEM_CASES = ARTIFACTS / "curate" / "item_cases.parquet"

# collective
SIGNAL_BEFORE_VALIDATION = ARTIFACTS / "collective" / "before_validation.safetensors"
SIGNAL_BEFORE_TEST = ARTIFACTS / "collective" / "before_test.safetensors"

# alignment
ALIGNMENT_BEFORE_VALIDATION = ARTIFACTS / "alignment" / "before_validation.safetensors"
ALIGNMENT = ARTIFACTS / "alignment" / "alignment.safetensors"
PLAN_CONFIG = ARTIFACTS / "alignment" / "plan.json"

# models
BASE_MODEL = ARTIFACTS / "base_model"
PLANNER_ADAPTER = ARTIFACTS / "planner" / "adapter"
ADAPTER_BEFORE_VALIDATION = (
    ARTIFACTS / "planner" / "before_validation"
)  # knows nothing of the validation period
PLANNER_CURVE = ARTIFACTS / "planner" / "curve.csv"
RECOMMENDER = ARTIFACTS / "recommender" / "model"
RECOMMENDER_BEFORE_VALIDATION = ARTIFACTS / "recommender" / "before_validation"
RECOMMENDER_CURVE = ARTIFACTS / "recommender" / "curve.csv"
ITEM_POPULARITY = ARTIFACTS / "recommender" / "item_popularity.parquet"

# table, evaluation, experiment, release
NOVEL_CLUSTER_TABLE = ARTIFACTS / "table" / "novel_cluster_table.parquet"
TABLE_RECORD = ARTIFACTS / "table" / "record.json"
REFRESH_PAGE = ARTIFACTS / "table" / "refresh.md"
PLAN_FIGURES = ARTIFACTS / "evaluate" / "plan_figures.parquet"
LIST_FIGURES = ARTIFACTS / "evaluate_recommender" / "list_figures.parquet"
PLOTS = ARTIFACTS / "plots"  # one folder per stage below it
RELEASE = ARTIFACTS / "release" / "release.json"
ITEM_TITLES = ARTIFACTS / "release" / "item_titles.parquet"

# run-time state
STAGE_COSTS = VAR / "stage_costs"
PLANNING_COST = STAGE_COSTS / "table_planning.json"  # of the rows alone, workers included
TABLE_SHARDS = VAR / "table_shards"  # of a table run that is not finished
RECOMMENDER_TRAINING = VAR / "recommender_training"  # of one that is not finished
DATA_DOCS = VAR / "data_docs"
GUARD_NOTES = VAR / "guard_notes"  # what guards saw that the project has not taken in yet
GUARD_PROJECT = VAR / "great_expectations"
READ_BACK_REPORT = VAR / "read_back.json"
FEATURE_REPO = Path("feature_repo")
TRACKING_DATABASE = VAR / "mlflow.db"
TRACKED_ARTIFACTS = VAR / "mlartifacts"
PROMOTIONS = VAR / "promotions"  # a copy of each registry's history, for reading
EVENTS = VAR / "events"
EVENT_EXPORTS = EVENTS / "exports"
USER_LIVE_EVENTS = EVENTS / "user_live_events.parquet"


def gates_of(stage: str) -> Path:
    """Return the verdicts of a gated stage."""
    return ARTIFACTS / stage / "gates.json"


def metrics_of(concern: str) -> Path:
    """Return the one metrics file of a concern, for example ``planner``."""
    return METRICS / f"{concern}.json"


def plots_of(stage: str) -> Path:
    """Return the folder that a stage writes its plot data to."""
    return PLOTS / stage
