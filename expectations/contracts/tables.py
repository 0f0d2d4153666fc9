"""ONE declaration per table. Arrow schemas, GX suites and Feast fields are derived from these."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

STRING = pa.string()
INTEGER = pa.int64()
FLOAT = pa.float32()
BOOLEAN = pa.bool_()
TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Column:
    """One column: its name, Arrow type, meaning, and the bounds a value must keep."""

    name: str
    dtype: pa.DataType
    description: str
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class Table:
    """One table: its columns, its key (no two rows share it), and when its rows became true.

    ``event_time`` names the column that Feast joins on; ``None`` for tables without one.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    event_time: str | None = None
    may_be_empty: bool = False

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, columns in declared order."""
        return pa.schema([pa.field(c.name, c.dtype, nullable=c.nullable) for c in self.columns])

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that are neither key nor event time: what Feast serves."""
        return tuple(c for c in self.columns if c.name not in (*self.key, self.event_time))

    def column(self, name: str) -> Column:
        """Return the column of that name; raises ``KeyError`` if the table has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} has no column {name}")


USER = Column("user_id", STRING, "who acted")
ITEM = Column("item_id", STRING, "what was acted on")
TITLE = Column("title", STRING, "short readable name")
CATEGORIES = Column(
    "category_path", pa.list_(STRING), "categories from broad to narrow", nullable=True
)
RELEASE = Column("release_id", STRING, "the release the row belongs to")
LEVEL = Column("level", INTEGER, "level of the cluster tree, 0 at the top", minimum=0)
CLUSTER = Column("cluster_id", INTEGER, "id of the cluster within its level", minimum=0)
SPLIT = Column("split", STRING, "train, validation or test")
HISTORY = Column(
    "history_clusters",
    pa.list_(INTEGER),
    "distinct clusters of earlier positive interactions, newest first",
)
CONSUMED = Column(
    "consumed_clusters",
    pa.list_(INTEGER),
    "clusters with any earlier interaction, in order of first contact",
)

ITEMS = Table(
    "items",
    "the catalogue",
    (
        ITEM,
        TITLE,
        Column("text", STRING, "longer description, may be empty"),
        CATEGORIES,
    ),
    key=("item_id",),
)

INTERACTIONS = Table(
    "interactions",
    "who acted on what, when, and how it went",
    (
        USER,
        ITEM,
        Column("timestamp", TIME, "when, UTC"),
        Column("feedback", FLOAT, "strength of the feedback; null where none", nullable=True),
        Column(
            "is_positive", BOOLEAN, "feedback reaches the dataset's threshold, or there is none"
        ),
    ),
    key=("user_id", "item_id", "timestamp"),
    event_time="timestamp",
)

CLUSTERS = Table(
    "clusters",
    "the nodes of the cluster tree, every level",
    (
        LEVEL,
        CLUSTER,
        Column("parent_id", INTEGER, "cluster id one level up; null at level 0", nullable=True),
        Column("description", STRING, "unique keyword phrase that names the cluster"),
        Column("n_items", INTEGER, "items in the cluster", minimum=1),
        Column("traffic", FLOAT, "share of the training interactions", minimum=0, maximum=1),
        Column(
            "distinction",
            STRING,
            "words at the description's end that only tell it from its like; null where none",
            nullable=True,
        ),
    ),
    key=("level", "cluster_id"),
)

ITEM_CLUSTERS = Table(
    "item_clusters",
    "the one cluster of every item at every level",
    (ITEM, LEVEL, CLUSTER),
    key=("item_id", "level"),
)

ITEM_EMBEDDINGS = Table(
    "item_embeddings",
    "the representation that was clustered",
    (ITEM, Column("embedding", pa.list_(FLOAT), "unit vector")),
    key=("item_id",),
)

USER_CLUSTER_HISTORY = Table(
    "user_cluster_history",
    "a user's state after each change: what was liked lately, what was ever touched",
    (
        RELEASE,
        USER,
        Column("event_timestamp", TIME, "when the state came about"),
        HISTORY,
        CONSUMED,
    ),
    key=("release_id", "user_id", "event_timestamp"),
    event_time="event_timestamp",
)

USER_ITEM_HISTORY = Table(
    "user_item_history",
    "a user's items as of each snapshot time",
    (
        RELEASE,
        USER,
        Column("event_timestamp", TIME, "when the snapshot was taken"),
        Column("recent_items", pa.list_(STRING), "items of positive interactions, newest first"),
        Column("consumed_items", pa.list_(STRING), "items of any interaction, newest first"),
    ),
    key=("release_id", "user_id", "event_timestamp"),
    event_time="event_timestamp",
)

USER_LIVE_EVENTS = Table(
    "user_live_events",
    "a user's newest events of any release's time, newest first; the lists run in parallel",
    (
        USER,
        Column("event_timestamp", TIME, "when the last of the events was recorded"),
        Column("event_ids", pa.list_(STRING), "what makes each event count once"),
        Column("item_ids", pa.list_(STRING), "what was acted on"),
        Column("times_us", pa.list_(INTEGER), "when, in microseconds since 1970, UTC"),
        Column("feedback", pa.list_(FLOAT), "strength of the feedback; 0 where none"),
        Column("has_feedback", pa.list_(BOOLEAN), "whether there was any; lists hold no nulls"),
        Column("recorded_at_us", pa.list_(INTEGER), "position in the event log, see table events"),
        Column("choice_interests", pa.list_(STRING), "interests the user chose about, in words"),
        Column("choice_kinds", pa.list_(STRING), "what was chosen of each, parallel from here on"),
        Column("choice_items", pa.list_(STRING), "an item of each, by which it is found again"),
        Column("choice_values", pa.list_(FLOAT), "the share of exploration, where that is chosen"),
    ),
    key=("user_id", "event_timestamp"),
    event_time="event_timestamp",
)

EVENTS = Table(
    "events",
    "the event log: what services were told, in the order in which it was recorded",
    (
        Column("event_id", STRING, "chosen by the sender; an event counts once"),
        USER,
        ITEM,
        Column("timestamp", TIME, "when it happened, UTC"),
        Column("feedback", FLOAT, "strength of the feedback; null where none", nullable=True),
        Column(
            "recorded_at_us",
            INTEGER,
            "when it was recorded, in microseconds since 1970; strictly ascending",
            minimum=1,
        ),
    ),
    key=("event_id",),
    event_time="timestamp",
    may_be_empty=True,
)

NOVEL_CLUSTER_TABLE = Table(
    "novel_cluster_table",
    "for every single cluster and unordered pair, the ranking of novel clusters",
    (
        RELEASE,
        Column("context_key", STRING, "canonical key of the context"),
        Column("event_timestamp", TIME, "the data's end: when the row became true"),
        Column("novel_clusters", pa.list_(INTEGER), "cluster ids, best first"),
        Column("scores", pa.list_(FLOAT), "log-probability of each, same order"),
    ),
    key=("release_id", "context_key"),
    event_time="event_timestamp",
)

TRANSITIONS = Table(
    "transitions",
    "history clusters -> novel cluster with positive feedback: what the planner learns from",
    (
        SPLIT,
        USER,
        Column("event_timestamp", TIME, "the label's time minus one microsecond"),
        HISTORY,
        CONSUMED,
        Column("context", pa.list_(INTEGER), "the K newest history clusters, ascending"),
        Column("target_cluster", INTEGER, "the novel cluster", minimum=0),
    ),
    key=("user_id", "target_cluster"),
)

CASES = Table(
    "cases",
    "one evaluation case per user and origin",
    (
        SPLIT,
        Column("origin", TIME, "the evaluation origin; the window runs to the next one"),
        USER,
        HISTORY,
        CONSUMED,
        Column("positives", pa.list_(INTEGER), "all novel clusters of the window"),
    ),
    key=("origin", "user_id"),
    may_be_empty=True,
)

ITEM_CASES = Table(
    "item_cases",
    "one item-level evaluation case per user and origin",
    (
        SPLIT,
        Column("origin", TIME, "the evaluation origin; the window runs to the next one"),
        USER,
        Column("recent_items", pa.list_(STRING), "positive items before the origin, newest first"),
        Column("consumed_items", pa.list_(STRING), "all items before the origin, newest first"),
        Column("positives", pa.list_(STRING), "unseen items liked in the window"),
    ),
    key=("origin", "user_id"),
    may_be_empty=True,
)

CASE_ID = Column("case_id", STRING, "hash of origin, user and positives: which question it was")
USER_KEY = Column("user_key", STRING, "hash of the user id: whose case it was")

PLAN_FIGURES = Table(
    "plan_figures",
    "how the served plan did on each test case, beside pair counts",
    (
        CASE_ID,
        USER_KEY,
        Column("recall_at_10", FLOAT, "of the served plan", minimum=0, maximum=1),
        Column("recall_at_10_pair_counts", FLOAT, "of pair counts", minimum=0, maximum=1),
        *(
            Column(f"recall_at_10_{distance}", FLOAT, meaning, True, minimum=0, maximum=1)
            for distance, meaning in (
                ("adjacent", "of the served plan, of what was liked in known families"),
                ("new_family", "in new families of known fields"),
                ("new_field", "in new fields; null where nothing was liked there"),
            )
        ),
    ),
    key=("case_id",),
    may_be_empty=True,
)

LIST_FIGURES = Table(
    "list_figures",
    "how the list of items that would have been served did on each test case",
    (
        CASE_ID,
        USER_KEY,
        Column("recall_at_10", FLOAT, "of the served list", minimum=0, maximum=1),
    ),
    key=("case_id",),
    may_be_empty=True,
)

ITEM_POPULARITY = Table(
    "item_popularity",
    "what people like, before the first test origin: the answer for unknown users",
    (ITEM, Column("n_positive", INTEGER, "positive interactions", minimum=0)),
    key=("item_id",),
)

ITEM_TITLES = Table(
    "item_titles",
    "what a service calls an item: the catalogue without its texts",
    (ITEM, TITLE, CATEGORIES),
    key=("item_id",),
)

ALL_TABLES = (
    ITEMS,
    INTERACTIONS,
    CLUSTERS,
    ITEM_CLUSTERS,
    ITEM_EMBEDDINGS,
    USER_CLUSTER_HISTORY,
    USER_ITEM_HISTORY,
    USER_LIVE_EVENTS,
    EVENTS,
    NOVEL_CLUSTER_TABLE,
    TRANSITIONS,
    CASES,
    ITEM_CASES,
    PLAN_FIGURES,
    LIST_FIGURES,
    ITEM_POPULARITY,
    ITEM_TITLES,
)
