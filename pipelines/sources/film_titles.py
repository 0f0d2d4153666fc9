"""Makes GroupLens' film titles readable: ``Matrix, The (1999)`` becomes ``The Matrix (1999)``."""

from __future__ import annotations

import polars as pl

# the articles that GroupLens puts behind the name, in the languages of its catalogue
ARTICLES = "|".join(
    [
        *("The", "A", "An", "Les", "Le", "La", "L'", "Un", "Une", "Der", "Die", "Das", "Ein"),
        *("Eine", "El", "Los", "Las", "Il", "Lo", "Gli", "I", "Den", "Det", "De", "Het", "Os"),
    ]
)


def read_title(column: str) -> pl.Expr:
    """Return the readable title; an article goes to the front, in a second title too."""
    title = pl.col(column).str.replace_all(r"\s+", " ").str.strip_chars()
    title = title.str.replace(rf"^([^(]+?), ({ARTICLES})( \(|$)", "$2 $1$3")
    title = title.str.replace_all(rf"\(((?:a\.k\.a\. )?)([^()]+?), ({ARTICLES})\)", "($1$3 $2)")
    title = title.str.replace_all("L' ", "L'", literal=True)
    return pl.when(title != "").then(title)
