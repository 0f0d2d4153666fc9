"""The map: alike near alike, nothing over another, a page that opens offline and tells names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests.servers import render_page
from training.clusters.map.map_layout import HEIGHT, WIDTH, ClusterMap, lay_out_clusters
from training.clusters.map.map_page import MappedCluster
from training.clusters.map.map_page import render_page as draw_page

HOSTILE = "<script>document.title='stolen'</script><img src=x onerror=\"alert(1)\">&'"


def lay_out(n_clusters: int, n_families: int = 2) -> tuple[ClusterMap, np.ndarray]:
    """Clusters near the axis of their family, and which family each is of."""
    rng = np.random.default_rng(n_clusters)
    families = np.arange(n_clusters) % n_families
    axes = np.eye(8, dtype=np.float32)[:n_families]
    centres = axes[families] + rng.normal(scale=0.2, size=(n_clusters, 8)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    traffic = rng.uniform(0.5, 1.2, n_clusters)
    return lay_out_clusters(centres, [axes[families]], traffic), families


@pytest.mark.parametrize("n_clusters", [1, 2, 5, 6, 64, 150])
def test_circles_lie_within_the_plane_and_apart(n_clusters: int) -> None:
    positions, _ = lay_out(n_clusters)
    assert (positions.x - positions.radius).min() >= 0
    assert (positions.x + positions.radius).max() <= WIDTH
    assert (positions.y - positions.radius).min() >= 0
    assert (positions.y + positions.radius).max() <= HEIGHT
    xy = np.column_stack([positions.x, positions.y])
    distance = np.linalg.norm(xy[:, None] - xy[None, :], axis=2)
    apart = distance - positions.radius[:, None] - positions.radius[None, :]
    assert apart[~np.eye(n_clusters, dtype=bool)].min(initial=1) >= 0


def test_families_stand_together_and_the_same_input_gives_the_same_bits() -> None:
    positions, families = lay_out(48, 4)
    xy = np.column_stack([positions.x, positions.y])
    middles = np.array([xy[families == family].mean(axis=0) for family in range(4)])
    nearest = np.linalg.norm(xy[:, None] - middles[None, :], axis=2).argmin(axis=1)
    # by chance a quarter stands nearest to the middle of its own family
    assert (nearest == families).mean() > 0.9
    again, _ = lay_out(48, 4)
    assert np.array_equal(positions.x, again.x)
    assert np.array_equal(positions.y, again.y)


def draw(n_clusters: int = 12) -> str:
    positions, families = lay_out(n_clusters)
    clusters = [
        MappedCluster(
            cluster_id=number,
            name=f"interest {number} in something",
            broader=(f"family {family}",),
            family=int(family),
            n_items=10 + number,
            traffic=1 / n_clusters,
            top_items=(f"title of {number}", HOSTILE if number == 3 else "another title"),
        )
        for number, family in enumerate(families)
    ]
    return draw_page(clusters, positions, ["family 0", "family 1"])


def test_the_page_stands_alone_and_takes_titles_for_text() -> None:
    page = draw()
    assert "<script>document" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;document") == 1
    assert not re.search(r"https?://|@import|url\(", page)
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "<!--" not in page
    for number in range(12):
        assert page.count(f'data-id="{number}"') == 2  # a circle and a row of the table
        assert f'<th scope="row"><i></i>interest {number} in something</th>' in page


def open_page(page: str, folder: Path, acts: str) -> str:
    """Open the page from disk, let the script act on it, and return it as it then is."""
    file = folder / "map.html"
    file.write_text(page.replace("</body>", f"<script>{acts}</script></body>"), encoding="utf-8")
    return render_page(file.as_uri(), folder)


def test_pointing_at_a_circle_shows_name_size_and_top_items(tmp_path: Path) -> None:
    point = """
      const circle = document.querySelector('[data-id="3"] circle').getBoundingClientRect();
      const middle = [circle.x + circle.width / 2, circle.y + circle.height / 2];
      const hit = document.elementFromPoint(...middle);
      hit.closest(".cluster").dispatchEvent(new MouseEvent("mouseenter"));"""
    shown = open_page(draw(), tmp_path, point)
    about = shown.split('id="about"')[1].split("</section>")[0]
    assert "<h2>interest 3 in something</h2>" in about
    assert "part of family 1" in about
    assert "13 items, 8.33% of the traffic, id 3" in about
    assert "<li>title of 3</li>" in about
    assert "&lt;script&gt;document.title" in about
    assert "<title>Map of interests</title>" in shown
    names = re.findall(r"<text([^>]*)>", shown)
    assert len(names) == 12
    assert sum("hidden" not in name for name in names) >= 9  # most names stand beside their circle


def test_a_search_leaves_what_fits_on_map_and_table(tmp_path: Path) -> None:
    search = """
      const box = document.getElementById("search");
      box.value = "Title of 7"; box.dispatchEvent(new Event("input"));"""
    shown = open_page(draw(), tmp_path, search)
    assert "1 of 12 interests" in shown
    assert len(re.findall(r"<tr[^>]*hidden", shown)) == 11
    assert len(re.findall(r'class="cluster off"', shown)) == 11
