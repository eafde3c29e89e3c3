"""The pages: what code cites exists, links lead somewhere, and blocks of code run or name what exists."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
ROOMS = ("lifting", "encoding", "nas", "cluster", "benchmarks", "posenas")
CITED = re.compile(r"(?<![\w/.-])(docs/\w+\.md|[A-Z]{2,}\.md)\b")


def test_every_page_that_the_code_cites_is_a_page_of_docs() -> None:
    known = {f"docs/{page.name}" for page in DOCS.glob("*.md")} | {"README.md", "CHANGELOG.md"}
    wrong = [
        f"{source.relative_to(REPOSITORY)}: {cited}"
        for room in ROOMS
        for source in sorted((REPOSITORY / room).rglob("*.py"))
        for cited in CITED.findall(source.read_text(encoding="utf-8"))
        if cited not in known
    ]
    assert wrong == []
