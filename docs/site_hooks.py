"""Hooks of the site: README.md, CHANGELOG.md and CONTRIBUTING.md lie outside of docs/ and become pages."""

import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGES = {"index.md": "README.md", "changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}
"""Pages of the site and the files beside docs/ that they are made of."""

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_TARGET = re.compile(r"""(\]\(|(?:src|href|srcset)=")([^)\s"]+)""")  # of Markdown, nested too, and of HTML


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie beside docs/."""
    from mkdocs.structure.files import File

    for name, source in PAGES.items():
        text = (HERE.parent / source).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=from_root(text)))
    return files


def from_root(text: str) -> str:
    """A page of the folder above docs/, with links as they are from docs/."""
    return _TARGET.sub(_moved, text)


def _moved(link: re.Match[str]) -> str:
    target = link[2]
    inside = target.removeprefix("docs/")
    return link[1] + (inside if inside != target or _is_outside(target) else f"../{target}")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links that leave docs/ lead to the page of the same text, or become the name of the file."""
    return _LINK.sub(_from_docs, markdown)


def _from_docs(link: re.Match[str]) -> str:
    target, _, anchor = link[3].partition("#")
    if not target.startswith("../") or not (HERE / target).exists():
        return link[0]  # MkDocs warns of what is not there
    page = {source: name for name, source in PAGES.items()}.get(target.removeprefix("../"))
    if page is None:
        return f"{link[2]} (`{target.removeprefix('../')}`)" if link[2] != target else f"`{target}`"
    return f"[{link[2]}]({page}{'#' + anchor if anchor else ''})"


def _is_outside(target: str) -> bool:
    return target.startswith(("http:", "https:", "#", "mailto:"))
