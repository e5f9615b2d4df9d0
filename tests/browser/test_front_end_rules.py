"""Rules that hold for every file the browser is given; no browser needed."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "web"
STATIC, TEMPLATES = WEB / "static", WEB / "templates"
SCRIPTS = sorted(STATIC.rglob("*.js"))
PAGES = sorted(TEMPLATES.rglob("*.html"))


def gzipped(*files: Path) -> int:
    """Bytes on the wire, each file a response of its own."""
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)


def imports(script: Path) -> set[Path]:
    """The script and every module it leads to."""
    found, todo = set(), [script]
    while todo:
        here = todo.pop().resolve()
        if here not in found:
            found.add(here)
            todo += [here.parent / path for path in re.findall(r'from "(\.[^"]+)"', here.read_text())]
    return found


def test_the_loader_weighs_at_most_5_kb() -> None:
    assert gzipped(STATIC / "loader.js") <= 5 * 1024


def test_the_panel_weighs_at_most_45_kb() -> None:
    frame = TEMPLATES / "widget" / "frame.html"
    assert gzipped(*imports(STATIC / "widget" / "main.js"), STATIC / "widget" / "frame.css", frame) <= 45 * 1024


@pytest.mark.parametrize(("page", "script"), [("widget/frame", "widget/main"), ("desk/base", "desk/main")])
def test_a_page_preloads_exactly_the_modules_its_script_leads_to(page: str, script: str) -> None:
    text = (TEMPLATES / f"{page}.html").read_text()
    listed = set(re.findall(r"'((?:widget|desk|wire|page)/\w+)'", text[: text.index("modulepreload")]))
    needed = imports(STATIC / f"{script}.js") - {STATIC / f"{script}.js"}
    assert listed == {str(path.relative_to(STATIC).with_suffix("")) for path in needed}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(STATIC)))
def test_text_enters_a_page_only_as_text(script: Path) -> None:
    parsers = r"innerHTML|insertAdjacentHTML|document\.write|outerHTML\s*=[^=]|\beval\(|new Function"
    assert not re.findall(parsers, script.read_text())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(STATIC)))
def test_no_message_goes_to_any_page(script: Path) -> None:
    assert not re.findall(r"""postMessage\([^;]*["']\*["']""", script.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_nothing_is_inline(page: Path) -> None:
    text = page.read_text()
    assert not re.findall(r"<style|\sstyle=|\son\w+=|javascript:|\|\s*safe\b", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_nothing_comes_from_elsewhere(page: Path) -> None:
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page.read_text())
