"""One small data set in every form a source may read, and ways of spoiling it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import polars as pl

# userId, movieId, rating, timestamp: two users, five films, one tie in time
RATINGS = [
    ("1", "1", "5", "978300760"),
    ("1", "2", "3", "978302109"),
    ("1", "3", "4", "978302109"),
    ("2", "1", "4", "978301968"),
    ("2", "4", "2", "978300275"),
    ("2", "5", "5", "978824291"),
    ("10", "2", "1", "978302268"),
    ("10", "3", "4", "978302039"),
    ("10", "4", "4", "978300719"),
    ("10", "1", "5", "978824268"),
]
FILMS = [
    ("1", "Matrix, The (1999)", "Action|Sci-Fi"),
    ("2", "Cité des enfants perdus, La (1995)", "Adventure|Fantasy"),
    ("3", "Star Wars: Episode IV (1977)", "Action|Adventure|Sci-Fi"),
    ("4", "Toy Story (1995)", "Animation|Comedy"),
    ("5", "Unknown Land (1990)", ""),
]
TITLES = [
    "The Matrix (1999)",
    "La Cité des enfants perdus (1995)",
    "Star Wars: Episode IV (1977)",
    "Toy Story (1995)",
    "Unknown Land (1990)",
]
LAYOUTS = ("csv", "dat", "100k")
FLAGS_OF_100K = [
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance"),
    *("Sci-Fi", "Thriller", "War", "Western"),
]


def write_grouplens(folder: Path, layout: str) -> Path:
    """Write the films and ratings in one of GroupLens' layouts; return ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    if layout == "csv":
        _write_csv(folder / "ratings.csv", ("userId", "movieId", "rating", "timestamp"), RATINGS)
        films = [(i, title, genres or "(no genres listed)") for i, title, genres in FILMS]
        _write_csv(folder / "movies.csv", ("movieId", "title", "genres"), films)
        (folder / "links.csv").write_text("movieId,imdbId,tmdbId\n")
    elif layout == "dat":
        _write_lines(folder / "ratings.dat", ["::".join(row) for row in RATINGS])
        _write_lines(folder / "movies.dat", ["::".join(row) for row in FILMS])
        _write_lines(folder / "users.dat", ["1::F::1::10::48067"])
    else:
        _write_lines(folder / "u.data", ["\t".join(row) for row in RATINGS])
        _write_lines(folder / "u.item", [_flagged(*film) for film in FILMS])
        _write_lines(folder / "u.user", ["1|24|M|technician|85711"])
    return folder


def zip_up(folder: Path, archive: Path, packing: int = zipfile.ZIP_STORED) -> Path:
    """Pack ``folder`` under its own name, as GroupLens does; return ``archive``."""
    with zipfile.ZipFile(archive, "w", packing) as opened:
        for path in sorted(folder.iterdir()):
            opened.write(path, f"{folder.name}/{path.name}")
    return archive


def logs() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return a catalogue and a log with ISO times: six people, eight items, thirty rows."""
    items = pl.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(8)],
            "title": [f"Item {n}" for n in range(8)],
            "description": ["about, with comma", "", None, "d3", "d4", "d5", "d6", "d7"],
            "shelf": ["A > B", "A", None, "C>D>E", "A > B", "A", "A", "A"],
        }
    )
    rows = [
        (f"u{n % 6}", f"i{(n * n) % 8}", f"2024-01-{n + 1:02d}T08:00:00Z", str(1 + n % 5))
        for n in range(30)
    ]
    columns = ["user_id", "item_id", "timestamp", "stars"]
    return items, pl.DataFrame(rows, schema=columns, orient="row")


def write_logs(folder: Path, items: pl.DataFrame, log: pl.DataFrame) -> Path:
    """Write both as CSV under their usual names; return ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    items.write_csv(folder / "items.csv")
    log.write_csv(folder / "interactions.csv")
    return folder


def _flagged(number: str, title: str, genres: str) -> str:
    named = genres.split("|")
    flags = ["1" if flag in named else "0" for flag in FLAGS_OF_100K]
    return "|".join([number, title, "01-Jan-1995", "", "http://example.org/film", *flags])


def _write_csv(path: Path, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    pl.DataFrame(rows, schema=list(header), orient="row").write_csv(path)


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="latin-1")
