"""The code blocks of the documentation."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in [ROOT / "README.md", ROOT / "reports/README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")]
    if path.name != "CHANGELOG.md"
)
NOT_RUN = "not run by the tests: "
_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block of a page."""

    page: str
    line: int
    language: str
    title: str
    """What the page shows above it: a file's name, or why it is not run."""
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def why_not_run(self) -> str:
        """The reason that stands above the block; empty when it is run."""
        return self.title.removeprefix(NOT_RUN) if self.title.startswith(NOT_RUN) else ""


def blocks(language: str = "") -> list[Block]:
    """Every block in this language, or in any, page after page."""
    found = (block for path in dict.fromkeys(PAGES) for block in _of(path))
    return [block for block in found if not language or block.language == language]


def of_page(page: str, language: str) -> list[Block]:
    """The blocks of one page."""
    return [block for block in blocks(language) if block.page == page]


def _of(path: Path) -> Iterator[Block]:
    text = path.read_text(encoding="utf-8")
    for match in _FENCE.finditer(text):
        language, _, rest = match["info"].partition(" ")
        title = re.fullmatch(r'title="(.*)"', rest.strip())
        yield Block(
            page=str(path.relative_to(ROOT)),
            line=text.count("\n", 0, match.start()) + 1,
            language=language,
            title=title[1] if title else rest,
            text=textwrap.dedent(match["text"]),
        )
