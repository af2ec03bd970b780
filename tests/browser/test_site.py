"""The built site in a real browser: Debian's chromium, driven by Playwright. `nox -s browser` builds and names it."""

import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

if "BUILT_SITE" not in os.environ:
    pytest.skip("needs BUILT_SITE: run `nox -s browser`", allow_module_level=True)

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

SITE = Path(os.environ["BUILT_SITE"]).resolve()
SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", "reports/screenshots"))
PAGES = sorted(str(path.parent.relative_to(SITE)).strip(".") for path in SITE.rglob("index.html"))
SHOWN = {"": "home", "quickstart": "quickstart", "guides/watching": "guide", "reference/build": "reference"}
MODES = [(width, scheme) for width in (1300, 390) for scheme in ("light", "dark")]
FINDINGS = """() => ({
    width: document.documentElement.scrollWidth,
    height: document.documentElement.scrollHeight,
    labels: [...document.querySelectorAll('.doc-labels')].map(element => element.innerText),
    unmarked: [...document.querySelectorAll('.md-typeset__scrollwrap')].filter(wrap =>
        wrap.scrollWidth > wrap.clientWidth
        && !getComputedStyle(wrap, '::before').content.includes('scrolls')).length,
    scheme: document.body.dataset.mdColorScheme,
    ids: [...document.querySelectorAll('[id]')].map(element => element.id),
    links: [...document.querySelectorAll('a[href]')].map(element => element.href),
})"""


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files, and logs nothing."""

    def log_message(self, *_: object) -> None:
        pass


class QuietServer(ThreadingHTTPServer):
    """Takes no notice of a browser that leaves a page before all of it has come."""

    def handle_error(self, *_: object) -> None:
        pass


@attrs.define
class Visits:
    """What the browser found on the pages of a site that it visited."""

    base: str
    errors: list[str] = attrs.Factory(list)
    findings: dict[str, dict[str, Any]] = attrs.Factory(dict)

    def note(self, url: str, error: str) -> None:
        """Write down that a script failed. The one that draws diagrams is elsewhere, and cannot be reached."""
        if "Invalid script: https://unpkg.com/mermaid" not in error:
            self.errors.append(f"{url}: {error}")

    def visit(self, page: "Page", path: str) -> None:
        """Open a page and write down what is there."""
        url = f"{self.base}{path}/" if path else self.base
        page.goto(url)
        self.findings[url] = page.evaluate(FINDINGS)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with QuietServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(SITE))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        yield browser
        browser.close()


def open_page(browser: "Browser", base: str, width: int, scheme: str) -> "Page":
    """Open an empty page that reaches this machine alone."""
    page = browser.new_page(viewport={"width": width, "height": 1000}, color_scheme=scheme, reduced_motion="reduce")

    def stay_here(route: "Route") -> None:
        if route.request.url.startswith(base):
            route.continue_()
        else:
            route.abort()

    page.route("**/*", stay_here)
    return page


@pytest.fixture(scope="module", params=MODES, ids=lambda mode: f"{mode[0]} {mode[1]}")
def visits(request: pytest.FixtureRequest, browser: "Browser", base: str) -> Visits:
    """Visit every page at a width and in a color scheme."""
    width, scheme = request.param
    visits = Visits(base)
    page = open_page(browser, base, width, scheme)
    page.on("pageerror", lambda error: visits.note(page.url, str(error)))
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for path in PAGES:
        visits.visit(page, path)
        if path in SHOWN:
            page.screenshot(path=SCREENSHOTS / f"{SHOWN[path]}-{width}-{scheme}.png", full_page=True)
    expected = {"light": "default", "dark": "slate"}[scheme]
    assert {found["scheme"] for found in visits.findings.values()} == {expected}
    assert len(visits.findings) == len(PAGES) >= 40
    page.close()
    return attrs.evolve(visits, findings={url: {**found, "room": width} for url, found in visits.findings.items()})


def test_no_page_has_a_script_that_fails(visits: Visits):
    assert visits.errors == []


def test_no_page_scrolls_sideways(visits: Visits):
    too_wide = {url: found["width"] for url, found in visits.findings.items() if found["width"] > found["room"]}
    assert too_wide == {}


def test_every_internal_link_leads_somewhere(visits: Visits):
    broken = []
    for url, found in visits.findings.items():
        for link in found["links"]:
            target, _, anchor = link.partition("#")
            if not target.startswith(visits.base):
                continue
            if target in visits.findings:
                there = not anchor or anchor == "__top" or anchor in visits.findings[target]["ids"]
            else:
                there = (SITE / target.removeprefix(visits.base)).is_file()
            if not there:
                broken.append((url, link))
    assert broken == []


def test_no_page_is_endless(visits: Visits):
    tall = {url: found["height"] for url, found in visits.findings.items() if found["height"] > 12_000}
    assert tall == {} or all(found["room"] < 1300 for found in visits.findings.values())


def test_no_field_has_a_label_that_says_where_it_is_assigned(visits: Visits):
    labels = {label for found in visits.findings.values() for label in " ".join(found["labels"]).split()}
    assert "async" in labels
    assert [label for label in labels if "-attribute" in label] == []


def test_each_table_that_scrolls_is_marked(visits: Visits):
    assert {url: found["unmarked"] for url, found in visits.findings.items() if found["unmarked"]} == {}


def test_some_table_scrolls_on_a_phone_and_says_so(browser: "Browser", base: str):
    page = open_page(browser, base, 390, "light")
    page.goto(f"{base}about/comparison/")
    wrap = page.locator(".md-typeset__scrollwrap").first
    assert "scrolls" in wrap.evaluate("wrap => getComputedStyle(wrap, '::before').content")
    page.close()


def test_the_meaning_of_a_field_is_visible_on_a_phone_without_scrolling_sideways(browser: "Browser", base: str):
    page = open_page(browser, base, 390, "light")
    page.goto(f"{base}reference/build/")
    box = page.get_by_text("Number of the build within its project").first.bounding_box()
    assert box["x"] + box["width"] <= 390
    page.close()


@pytest.mark.parametrize("path", ["", "quickstart/"])
def test_code_is_on_the_first_screen(browser: "Browser", base: str, path: str):
    page = open_page(browser, base, 1300, "light")
    page.set_viewport_size({"width": 1300, "height": 900})
    page.goto(base + path)
    assert page.locator("article pre").first.bounding_box()["y"] <= 500
    page.close()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("mock", "guides/testing/"),
        ("aioresponses", "guides/testing/"),
        ("timeout", "guides/options/"),
        ("webhook", "recipes/webhook/"),
        ("SIGTERM", "guides/stopping/"),
        ("trigger and wait", "guides/starting/"),
        ("structure hook", "guides/models/"),
    ],
)
def test_the_search_shows_the_right_page_first(browser: "Browser", base: str, query: str, expected: str):
    page = open_page(browser, base, 1300, "light")
    page.goto(base)
    page.click("input.md-search__input")
    page.keyboard.type(query)
    first = page.locator("a.md-search-result__link").first
    first.wait_for(timeout=20_000)
    assert first.evaluate("link => link.href").startswith(base + expected)
    page.close()


@pytest.mark.parametrize("width", [1300, 390])
def test_the_search_finds_a_call(browser: "Browser", base: str, width: int):
    page = open_page(browser, base, width, "light")
    page.goto(base)
    if width == 390:
        page.click("label.md-header__button[for=__search]")
    page.click("input.md-search__input")
    page.keyboard.type("wait_for_build")
    first = page.locator("a.md-search-result__link").first
    first.wait_for(timeout=20_000)
    links = page.locator("a.md-search-result__link").evaluate_all("links => links.map(link => link.href)")
    assert any("CircleCISession.wait_for_build" in link for link in links)
    page.close()


def test_every_page_has_markdown_beside_it_which_llms_txt_lists():
    listed = (SITE / "llms.txt").read_text()
    assert [path for path in PAGES if not (SITE / path / "index.md").is_file()] == []
    assert [path for path in PAGES if f"/{path}/index.md".replace("//", "/") not in listed] == []
