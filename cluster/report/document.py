"""An HTML page that is complete in itself: its style, its one script and its data are inline.

It opens from a disk, from an e-mail and in MLflow's artifact view, where relative links do not load, and it
forbids itself to fetch anything.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from importlib import resources
from typing import Any

from cluster.report.html_parts import element
from cluster.report.style import STYLE

__all__ = ["document"]

_SCRIPT = resources.files("cluster.report").joinpath("page.js").read_text("utf-8")
_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
# The page may use its own style, its own pictures and this one script, and nothing else in the world.
_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{_HASH}'"


def document(
    title: str,
    header: str,
    sections: Iterable[tuple[str, str]],
    data: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """The page as text; sections without content are left out.

    Args:
        title: of the page.
        header: HTML of its head.
        sections: (title, HTML), in order.
        data: JSON objects by the name under which the script looks for them.
    """
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    body = [element("header", header)]
    body += [element("section", element("h2", escape(name)) + inner) for name, inner in sections if inner]
    body.append(element("footer", f"Made by posenas, {made}. This page is complete in itself."))
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
    )
    scripts = "".join(_json(name, content) for name, content in (data or {}).items() if content)
    scripts += element("script", _SCRIPT)
    page = element("head", head) + element("body", element("main", "".join(body)) + scripts)
    return f'<!doctype html><html lang="en">{page}</html>\n'


def _json(name: str, content: Mapping[str, Any]) -> str:
    """Data for the script; "<" is written so that no text in it can end the element."""
    text = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{name}">{text}</script>'
