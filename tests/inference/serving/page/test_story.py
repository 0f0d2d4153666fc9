"""The story that the page tells of a person, and what one does there: known answers throughout."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import Page, expect

from tests.inference.serving.page.visitor import on_map, open_person, titles
from tests.worlds.online.serving import NAMES, PEOPLE

JAZZ, TRAINS, BIRDS, CHESS, BREAD, KAYAKS = NAMES


def test_it_opens_on_a_person_and_tells_who_it_is(page: Page) -> None:
    expect(page.get_by_label("Person")).to_have_value("ann")
    expect(page.locator("#who-title")).to_have_text("ann")
    expect(page.locator("#who")).to_have_text(f"Likes 2 interests: lately {TRAINS} and {JAZZ}.")
    expect(page.locator("#examples button[aria-pressed=true]")).to_contain_text("ann")
    picture = os.environ.get("PAGE_PICTURE")
    if picture:
        page.screenshot(path=picture, full_page=True)


def test_the_timeline_has_a_line_for_each_interest_the_latest_first(page: Page) -> None:
    assert titles(page, "#timeline") == [TRAINS, JAZZ]
    places = page.locator("#timeline i").evaluate_all("dots => dots.map(dot => dot.style.left)")
    assert places == ["100%", "0%"]
    expect(page.locator("#timeline li").first).to_contain_text(
        f"1 liked, the newest “{TRAINS}, part 0”"
    )


def test_the_plan_stands_by_distance_with_the_pairs_that_led_there(page: Page) -> None:
    open_person(page, "ben")  # liked rye bread alone, of the even field
    near, far = page.locator("#planned .adjacent"), page.locator("#planned .new_field")
    assert titles(page, "#planned .adjacent") == [JAZZ, BIRDS]
    assert titles(page, "#planned .new_field") == [KAYAKS, TRAINS, CHESS]
    expect(near.locator("h3")).to_contain_text("Next door")
    expect(far.locator("h3")).to_contain_text("A new field")
    ranks = page.locator("#planned span.rank").all_inner_texts()
    assert sorted(ranks) == ["1", "2", "3", "4", "5"]
    open_person(page, "ann")
    chips = page.locator("#planned .card").first.locator(".chip").all_inner_texts()
    assert chips == [JAZZ, TRAINS]


def test_the_map_shows_what_is_liked_and_planned_within_its_field(page: Page) -> None:
    open_person(page, "ann")
    assert on_map(page, "liked") == {0, 1}
    assert on_map(page, "planned") == {2, 3, 4, 5}
    inside = page.evaluate(FIELD_OF_DOT)
    assert inside == {str(cluster): f"theme {cluster % 2}" for cluster in range(6)}
    first = page.locator("#planned .card").first
    cluster = first.get_attribute("data-cluster")
    expect(page.locator(f"#map .link[data-planned='{cluster}']")).to_have_count(2)
    first.hover()
    expect(page.locator("#map .link.on")).to_have_count(2)
    told = page.locator("#map-told").text_content() or ""
    assert told.startswith(f"Likes {TRAINS}, {JAZZ}. Planned: 1: ")
    page.get_by_text("All interests as a list").click()
    expect(page.locator("#all li")).to_have_count(6)
    expect(page.locator("#all .tag.liked")).to_have_count(2)


def test_a_person_is_found_by_the_beginning_of_their_id(page: Page) -> None:
    page.get_by_label("Person").fill("ca")
    expect(page.locator("#people option")).to_have_count(1)
    expect(page.locator("#people option")).to_have_attribute("value", "cat/with slash")
    page.get_by_role("button", name="eve").click()
    expect(page.locator("#who-title")).to_have_text("eve")


def test_a_request_for_far_interests_has_far_ones_alone(page: Page) -> None:
    open_person(page, "ben")
    page.get_by_label("How far from what they know").select_option("new_field")
    expect(page.locator("#planned .adjacent")).to_have_count(0)
    assert titles(page, "#planned") == [KAYAKS, TRAINS, CHESS]


def test_the_dial_changes_one_list_and_marks_what_differs(page: Page) -> None:
    dial, explored = page.get_by_label("Explores"), page.locator("#items .differs")
    expect(explored).to_have_count(2)
    dial.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#share-shown")).to_have_text("0%")
    expect(explored).to_have_count(0)
    assert titles(page, "#items") == titles(page, "#plain")
    expect(page.locator("#lists-told")).to_contain_text("0 of 10 items from the plan")


def test_a_share_is_kept_for_a_person_and_given_up(page: Page) -> None:
    open_person(page, "zoe")
    page.get_by_label("Explores").fill("0.5")
    expect(page.locator("#items .differs")).to_have_count(5)
    page.get_by_role("button", name="Keep this share for them").click()
    expect(page.locator("#state")).to_contain_text("explore 50%")
    page.reload()
    expect(page.locator("#share-shown")).to_have_text("50%")
    page.get_by_role("button", name="Back to the usual share").click()
    expect(page.locator("#share-shown")).to_have_text("20%")


def test_an_event_changes_timeline_map_and_plan(page: Page) -> None:
    open_person(page, "ben")
    assert titles(page, "#timeline") == [BREAD]
    before = titles(page, "#planned")
    page.get_by_label("What if they liked something else?").fill("CHESS 2")
    expect(page.locator("#found li")).to_have_count(1)
    page.locator("#found").get_by_role("button", name=f"Like {CHESS}, part 2").click()
    expect(page.locator("#state")).to_contain_text(f"Liked: {CHESS}, part 2")
    assert titles(page, "#timeline") == [CHESS, BREAD]
    expect(page.locator("#timeline i.fresh")).to_have_count(1)
    assert on_map(page, "liked") == {3, 4}
    assert CHESS not in titles(page, "#planned") != before
    expect(page.locator("#changed")).to_contain_text(f"No longer planned: {CHESS}")
    expect(page.locator("#found li")).to_have_count(0)


def test_an_item_of_a_list_is_liked_there(page: Page) -> None:
    open_person(page, "dot")
    expect(page.locator("#state")).to_contain_text("Nothing liked yet")
    title = page.locator("#items .title").first.inner_text()
    page.locator("#items button").first.click()
    expect(page.locator("#done")).to_be_in_viewport()
    expect(page.locator("#state")).to_contain_text(f"Liked: {title}")
    expect(page.locator("#who")).to_contain_text("Likes 1 interest")


def test_a_person_hides_and_pins_interests_and_takes_it_back(page: Page) -> None:
    open_person(page, "zoe")
    expect(page.locator("#chosen-part")).to_be_hidden()
    first, second = (page.locator("#planned .card .title").nth(n).inner_text() for n in (0, 1))
    page.get_by_role("button", name=f"Hide {first}").click()
    expect(page.locator("#state")).to_contain_text(f"Hide: {first}")
    assert first not in titles(page, "#planned")
    expect(page.locator("#changed")).to_contain_text(f"No longer planned: {first}")
    assert titles(page, "#chosen") == [first]
    page.get_by_role("button", name=f"Pin {second}").click()
    expect(page.locator("#state")).to_contain_text(f"Pin: {second}")
    pinned = page.locator("#planned .card").filter(has_text="pinned")
    expect(pinned.locator(".title")).to_have_text(second)
    expect(pinned.locator(".rank")).to_have_text("1")
    for name in (first, second):
        page.get_by_role("button", name=f"Undo {name}").click()
        expect(page.locator("#state")).to_contain_text(f"Undo: {name}")
    expect(page.locator("#chosen-part")).to_be_hidden()
    assert first in titles(page, "#planned")


def test_a_look_at_the_page_counts_nothing_as_shown(page: Page) -> None:
    open_person(page, "ann")
    before = titles(page, "#planned")
    for _ in range(6):  # one more than lets an interest rest
        page.get_by_role("button", name="Draw again").click()
        page.wait_for_load_state("networkidle")
    assert titles(page, "#planned") == before


def test_an_unknown_person_gets_popular_items_and_no_markup_of_theirs(page: Page) -> None:
    open_person(page, "<b>nobody")
    expect(page.locator("#state")).to_contain_text("does not know this person")
    expect(page.locator("#who-title")).to_have_text("<b>nobody")
    expect(page.locator("main b")).to_have_count(0)
    expect(page.locator("#items li")).to_have_count(10)


def test_the_release_and_its_gates_are_told(page: Page) -> None:
    expect(page.locator("#release-line")).to_contain_text("1 of 1 gate passed")
    expect(page.locator("#release-facts")).to_contain_text(f"{len(PEOPLE)}")
    page.get_by_text("Every gate").click()
    row = page.locator("#gates tr")
    expect(row).to_contain_text("match rate")
    expect(row).to_contain_text("at least 0.95")
    expect(row.locator(".passed")).to_be_visible()


@pytest.mark.parametrize("name", ["cat/with slash", "eve"])
def test_any_person_of_the_world_is_shown(page: Page, name: str) -> None:
    open_person(page, name)
    assert len(titles(page, "#timeline")) == len(PEOPLE[name].items)
    assert on_map(page, "liked") == set(PEOPLE[name].history)


FIELD_OF_DOT = """() => {
  const at = (node) => ["cx", "cy", "r"].map((name) => Number(node.getAttribute(name)));
  const fields = [...document.querySelectorAll("#map .field")];
  return Object.fromEntries([...document.querySelectorAll("#map .dot")].map((dot) => {
    const [x, y, radius] = at(dot);
    const field = fields.find((disc) => {
      const [cx, cy, r] = at(disc);
      return Math.hypot(x - cx, y - cy) + radius <= r + 1;
    });
    return [dot.dataset.cluster, field.querySelector("title").textContent];
  }));
}"""
