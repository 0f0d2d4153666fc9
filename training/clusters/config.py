"""Settings of the cluster tree: its levels, its representation, its descriptions."""

from __future__ import annotations

from pydantic import Field, model_validator

from training.config import Config


class RepresentationConfig(Config):
    """How an item becomes a vector: its text joined with who else was interested in it.

    Attributes:
        text_encoder: ``tfidf`` (nothing to download), or the id or local folder of a
            sentence-transformers model.
        text_dimensions: of the text part.
        word_floor: what remains of the weight of a word whose items have no people in common; 1
            makes all words alike.
        max_text_features: words and phrases that tf-idf counts, the most frequent.
        title_weight: how often a title counts beside the text.
        category_weight: how often the category path counts beside the text.
        collaborative_dimensions: of the part from who acted on what.
        collaborative_weight: share of the squared length that the collaborative part of an item
            with many interactions takes; the rest is text.
        guessed_weight: the same of an item without any, where it is guessed from the text.
        broad_weight: the same where clusters are grouped into broader ones.
        window: steps between two items of a user that still make a pair.
        shift: pairs less than this often as frequent as chance do not count.
        shrinkage: interactions at which an item stands half way between ``guessed_weight`` and
            ``collaborative_weight``.
    """

    text_encoder: str = "tfidf"
    text_dimensions: int = Field(default=64, ge=2)
    word_floor: float = Field(default=0.15, ge=0, le=1)
    max_text_features: int = Field(default=20_000, ge=10)
    title_weight: int = Field(default=2, ge=1)
    category_weight: int = Field(default=2, ge=0)
    collaborative_dimensions: int = Field(default=64, ge=2)
    collaborative_weight: float = Field(default=0.9, ge=0, le=1)
    guessed_weight: float = Field(default=0.4, ge=0, le=1)
    broad_weight: float = Field(default=0.5, ge=0, le=1)
    window: int = Field(default=5, ge=1)
    shift: float = Field(default=1.0, ge=1)
    shrinkage: float = Field(default=5.0, ge=0)


class LanguageModelConfig(Config):
    """How a language model is asked for descriptions.

    Args:
        model: the name under which an endpoint knows its model.
        key_variable: the environment variable that holds an endpoint's key; the key itself never
            stands in the settings. ``None`` sends none.
        timeout_seconds: how long one reply may take.
        attempts: how often a request is made that fails for a moment.
        max_answer_tokens: where an answer is cut off.
        titles: how many of a cluster's best known items are shown.
        others: how many of its siblings' descriptions are shown.
    """

    model: str | None = None
    key_variable: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    timeout_seconds: float = Field(default=60, gt=0)
    attempts: int = Field(default=3, ge=1)
    max_answer_tokens: int = Field(default=32, ge=8)
    titles: int = Field(default=10, ge=1)
    others: int = Field(default=20, ge=0)


class DescriptionConfig(Config):
    """How a cluster is named.

    Attributes:
        min_words: of a description at least.
        max_words: of a description at most.
        words: aimed at.
        max_terms: words and phrases that names are chosen among, the most frequent.
        writer: ``keywords``, or a language model that words the names anew: the id or local folder
            of a Hugging Face causal one, or the http(s) address of a server that speaks OpenAI's
            chat completions. Keywords stand where its answer cannot be used.
    """

    min_words: int = Field(default=2, ge=2)
    max_words: int = Field(default=6, le=6)
    words: int = Field(default=4, ge=2)
    max_terms: int = Field(default=40_000, ge=100)
    writer: str = Field(default="keywords", min_length=1)
    language_model: LanguageModelConfig = LanguageModelConfig()

    @property
    def is_endpoint(self) -> bool:
        """Whether the writer is a server's address."""
        return self.writer.startswith(("http://", "https://"))

    @model_validator(mode="after")
    def _check_order(self) -> DescriptionConfig:
        if not self.min_words <= self.words <= self.max_words:
            raise ValueError("min_words <= words <= max_words must hold")
        if self.is_endpoint and self.language_model.model is None:
            raise ValueError(
                "a writer behind an address needs language_model.model, its name there"
            )
        return self


class PreviousTreeConfig(Config):
    """A previous tree whose ids and descriptions are kept where the interest is still the same.

    Attributes:
        folder: holds its tables CLUSTERS and ITEM_CLUSTERS, as the clusters stage and every
            release artefact name them.
        sha256: pins their content.
        margin: how much more similar another cluster must be before an item leaves the one it had:
            more of it moves fewer items, less of it follows the data.
    """

    folder: str
    sha256: str
    margin: float = Field(default=0.15, ge=0)


class ClusterConfig(Config):
    """The tree of interest clusters.

    Attributes:
        levels: number of clusters per level, broad to narrow.
        level: the one that is served, from 0; the last one when ``None``.
        wanted: names the served level by its number of clusters instead; where no level has that
            many, one more is put between the others.
        previous: pins the tree to go on from; with ``None`` ids have nothing to do with those of
            any earlier tree.
        min_items: of a cluster.
        balance: cap of a cluster's training traffic over the mean of its level.
        iterations: of k-means at most.
        restarts: of k-means; the best is kept.
        max_traffic_balance: a tree whose busiest cluster has more of the mean stops the pipeline.
    """

    levels: tuple[int, ...] = (4, 16, 64)
    configured_level: int | None = Field(default=None, alias="level")
    """Private: ``None`` here says nothing of ``wanted``. Others read :attr:`serving_level`."""
    wanted: int | None = Field(default=None, ge=1)
    previous: PreviousTreeConfig | None = None
    min_items: int = Field(default=3, ge=1)
    balance: float = Field(default=1.2, gt=1)
    iterations: int = Field(default=20, ge=1)
    restarts: int = Field(default=4, ge=1)
    representation: RepresentationConfig = RepresentationConfig()
    description: DescriptionConfig = DescriptionConfig()

    @model_validator(mode="after")
    def _check_levels(self) -> ClusterConfig:
        if not self.levels or self.levels[0] < 1:
            raise ValueError("levels needs at least one count, each at least 1")
        if any(a >= b for a, b in zip(self.levels, self.levels[1:], strict=False)):
            raise ValueError(f"levels must grow from broad to narrow, not {self.levels}")
        if self.configured_level is not None and not 0 <= self.configured_level < len(self.levels):
            raise ValueError(f"level must name one of the {len(self.levels)} levels, from 0")
        if self.configured_level is not None and self.wanted is not None:
            raise ValueError("level and wanted both name the served level: leave one of them out")
        return self

    @property
    def counts(self) -> tuple[int, ...]:
        """Clusters per level of the tree: ``levels``, and the wanted one where it is not there."""
        wanted = set() if self.wanted is None else {self.wanted}
        return tuple(sorted(wanted.union(self.levels)))

    @property
    def serving_level(self) -> int:
        """The level that downstream rooms speak in."""
        if self.wanted is not None:
            return self.counts.index(self.wanted)
        return len(self.levels) - 1 if self.configured_level is None else self.configured_level
