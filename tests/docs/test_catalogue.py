"""The pages of settings and names are complete, and the site builds without a broken link."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pulumi_wmlfl
from pulumi_wmlfl.cli.main import COMMANDS
from pulumi_wmlfl.config import SETTINGS
from tests.support.browser import chromium, needs_chromium
from tests.support.service import wait_until

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def run(*command, **variables):
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_pages_are_what_the_code_says():
    done = run("docs/generate_catalogue.py", "--check")
    assert done.returncode == 0, done.stderr


def test_every_public_name_setting_and_command_is_documented():
    names = (DOCS / "names.md").read_text()
    assert [name for name in pulumi_wmlfl.__all__ if f"| `{name}` |" not in names] == []
    settings = (DOCS / "settings.md").read_text()
    assert [s.key for s in SETTINGS if f"| `wmlfl:{s.key}` | `{s.environment}` |" not in settings] == []
    commands = (DOCS / "commands.md").read_text()
    assert [name for name in COMMANDS if f"\n## wmlfl {name}\n" not in commands] == []


def test_every_variable_that_the_code_reads_is_documented():
    code = "\n".join(file.read_text() for file in (ROOT / "pulumi_wmlfl").rglob("*.py"))
    page = (DOCS / "settings.md").read_text()
    read = set(re.findall(r"\b(WMLFL_[A-Z]+(?:_[A-Z]+)*)\b", code))
    assert sorted(name for name in read if f"`{name}`" not in page) == []


def test_readme_and_pages_tell_nothing_of_where_they_were_written():
    texts = [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]
    places = re.compile(r"/(?:work|opt|root|tmp)/|artifactory|/simple/?index", re.I)
    assert [file.name for file in texts if places.search(file.read_text())] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs", reason="the dependency group docs is not installed")
    folder = tmp_path_factory.mktemp("site")
    done = run("-m", "mkdocs", "build", "--strict", "--site-dir", str(folder), NO_MKDOCS_2_WARNING="1")
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_asks_nobody_else(site):
    # What a browser loads by itself, be it of a page or a style.
    loads = re.compile(r"<(?:script|img|iframe|source)[^>]+src=\"?(https?:[^\" >]+)|url\((https?:[^)]+)\)")
    styles = re.compile(r"<link[^>]+rel=\"?(?:stylesheet|preconnect|icon)[^>]*href=\"?(https?:[^\" >]+)")
    found = [
        (file.name, match.group(0)[:100])
        for file in site.rglob("*")
        if file.suffix in {".html", ".css"}
        for pattern in (loads, styles)
        for match in pattern.finditer(file.read_text("utf-8"))
    ]
    assert found == []


@needs_chromium
def test_the_site_can_be_searched_from_a_folder(site):
    with chromium() as driver:
        driver.set_window_size(1280, 900)
        driver.get((site / "errors" / "WMLFL302.html").as_uri())
        box = driver.find_element("css selector", ".md-search__input")
        wait_until(box.is_displayed)
        box.send_keys("trimmed_mean")
        wait_until(lambda: driver.find_elements("css selector", ".md-search-result__link"))
        found = driver.find_elements("css selector", ".md-search-result__link")
        assert any("/fusion.html" in link.get_attribute("href") for link in found)
