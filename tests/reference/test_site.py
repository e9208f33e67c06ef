"""The site: every page has its place, and every link leads somewhere. ``make docs`` builds it, strictly; this is told without building."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CONFIG = YAML(typ="safe").load(ROOT / "mkdocs.yml")
PAGES = sorted(DOCS.glob("**/*.md"))
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def places(node):
    """Every page of the navigation."""
    if isinstance(node, str):
        yield node
    else:
        for inner in node.values() if isinstance(node, dict) else node:
            yield from places(inner)


def test_every_page_has_a_place_in_the_navigation():
    """One only, and every place has its page."""
    placed = list(places(CONFIG["nav"]))
    left_out = [pattern.lstrip("/") for pattern in CONFIG["not_in_nav"].split()]
    there = {str(path.relative_to(DOCS)) for path in PAGES}
    assert len(placed) == len(set(placed))
    assert {name for name in there if not any(fnmatch(name, pattern) for pattern in left_out)} == set(placed)


def test_every_decision_is_in_their_index():
    """Which stands in the navigation for all of them."""
    index = (DOCS / "decisions" / "README.md").read_text()
    assert [path.name for path in (DOCS / "decisions").glob("0*.md") if f"({path.name})" not in index] == []


def anchors(path):
    """What a link into a page may end with."""
    text = re.sub(r"^( *)```.*?^\1```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = set(re.findall(r'<a id="([^"]+)"', text))
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        plain = re.sub(r"[^\w\s-]", "", heading.replace("`", "")).strip().lower()
        found.add(re.sub(r"[-\s]+", "-", plain))
    return found


@pytest.mark.parametrize("path", [*PAGES, ROOT / "README.md", ROOT / "reports/README.md"], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path):
    """To a file of the repository, and to a heading or key in it. Pages of the site link to nothing outside it."""
    text = re.sub(r"^( *)```.*?^\1```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        there = (path.parent / target).resolve() if target else path
        assert there.exists(), f"{path.name}: {link}"
        if path.is_relative_to(DOCS):
            assert there.is_relative_to(DOCS), f"{path.name}: {link} leads out of the site"
        if anchor and there.suffix == ".md":
            assert anchor in anchors(there), f"{path.name}: {link}"


NAMED = re.compile(r"`((?:benchmarks|chaos|closeshave|docs|environments|proving|scenarios|tests|truth)/[\w./*-]+)`")
PLACEHOLDER = re.compile(r"[A-Z]{4,}|mine|/runs?/|family/name|/shipped/")
"""Parts of paths that stand for others: a family, a file of the reader's own, a run."""


@pytest.mark.parametrize("path", [*PAGES, *ROOT.glob("*.md")], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(path):
    """Whoever follows a how-to finds the files in which it says that something is to be written."""
    if path.name == "CHANGELOG.md" or path.parent.name == "decisions":
        # They tell of the past.
        return
    named = [name for name in NAMED.findall(path.read_text()) if not PLACEHOLDER.search(name)]
    assert [name for name in named if not any(ROOT.glob(name.rstrip("/")))] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_name_is_in_the_file_that_a_page_names_with_it(path):
    """As in: `share_bounds` in `closeshave/judge/measures/sampling.py`."""
    pairs = re.findall(r"`([A-Za-z_]+)` (?:in|of) `(closeshave/[\w./-]+\.py)`", path.read_text())
    assert [(name, file) for name, file in pairs if not re.search(rf"\b{name}\b", (ROOT / file).read_text())] == []
