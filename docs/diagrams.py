"""Diagrams that are written as SVG: the platform, and a search on a cluster as a timeline."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

_INK, _FAINT, _LINE = "#1b1b1b", "#555555", "#6b7785"
_BLUE, _GREEN, _YELLOW, _RED, _GRAY = "#dbe7f5", "#e3f1df", "#fbf0d0", "#f6d9d5", "#eceff2"


def platform_picture() -> str:
    """docs/pictures/platform.svg: processes and stores, and what goes from one to the other."""
    parts = [
        _frame(250, 60, 300, 330, "driver's machine"),
        _frame(590, 60, 310, 330, "Ray cluster: this machine, or many"),
        _box(20, 90, 170, 56, "posenas submit", "experiment file", fill=_YELLOW),
        _box(20, 190, 170, 66, "registry", "SQLite or PostgreSQL:", "experiments, jobs, leases", fill=_GREEN),
        _box(20, 300, 170, 66, "posenas queue", "terminal or page:", "what runs where", fill=_YELLOW),
        _box(270, 90, 260, 56, "posenas worker", "claims jobs, renews leases", fill=_YELLOW),
        _box(270, 190, 260, 66, "job: search, train, evaluate ...", "the driver: one process,",
             "writes all files", fill=_BLUE),
        _box(270, 300, 120, 70, "run folder", "checkpoints,", "report.html", fill=_GREEN),
        _box(410, 300, 120, 70, "outbox", "events, kept until", "delivered", fill=_GREEN),
        _box(610, 90, 270, 56, "controller", "samples genotypes, learns from rewards", fill=_BLUE),
        _box(610, 190, 270, 66, "evaluators × W", "compute shards:", "gradients and rewards", fill=_BLUE),
        _box(610, 300, 270, 70, "owners of the shared weights × R", "add gradients in a fixed order,",
             "broadcast each version", fill=_BLUE),
        _box(410, 430, 120, 56, "MLflow", "runs, models", fill=_GREEN),
        _box(610, 430, 270, 56, "posenas recognize, mlflow models serve", "one model folder", fill=_YELLOW),
        _arrow(105, 146, 105, 190, "jobs"),
        _arrow(105, 256, 105, 300, "state"),
        _arrow(190, 223, 270, 130, "claim"),
        _arrow(400, 146, 400, 190, "starts, watches"),
        _arrow(330, 256, 330, 300, "each step"),
        _arrow(470, 256, 470, 300, "curves"),
        _arrow(530, 210, 610, 128, ""),
        _arrow(530, 223, 610, 223, "shards"),
        _arrow(530, 238, 610, 325, ""),
        _arrow(745, 146, 745, 190, "genotypes"),
        _arrow(745, 300, 745, 256, "weights"),
        _arrow(470, 370, 470, 430, "courier"),
        _arrow(530, 458, 610, 458, "model"),
    ]  # fmt: skip
    return _svg(920, 500, "Processes and stores of posenas, and what goes from one to the other", parts)


def timeline_picture() -> str:
    """docs/pictures/search_timeline.svg: two steps of four shards on three workers, one of which dies."""
    lanes = ("driver", "controller", "weights", "worker 1", "worker 2", "worker 3")
    top, height, left, width = 74, 46, 110, 800
    parts = []
    for number, name in enumerate(lanes):
        y = top + number * height
        parts.append(f'<text x="{left - 14}" y="{y + 24}" text-anchor="end" fill="{_INK}">{name}</text>')
        parts.append(f'<line x1="{left}" y1="{y + 40}" x2="{left + width}" y2="{y + 40}" stroke="#d5dae0"/>')

    def bar(lane: int, begin: float, end: float, text: str, fill: str, dash: bool = False) -> str:
        stroke = f' stroke="{_LINE}" stroke-dasharray="4 3"' if dash else ""
        x, y = left + begin, top + lane * height + 4
        return (
            f'<rect x="{x}" y="{y}" width="{end - begin}" height="30" rx="4" fill="{fill}"{stroke}/>'
            f'<text x="{x + (end - begin) / 2}" y="{y + 20}" text-anchor="middle" fill="{_INK}"'
            f' font-size="11">{escape(text)}</text>'
        )

    parts += [
        bar(1, 10, 90, "4 genotypes", _YELLOW),
        bar(2, 10, 90, "version 7", _GREEN),
        bar(3, 100, 210, "shard 0", _BLUE),
        bar(4, 100, 240, "shard 1", _BLUE),
        bar(5, 100, 180, "killed", _RED, dash=True),
        bar(3, 215, 325, "shard 3", _BLUE),
        bar(4, 245, 365, "shard 2 again", _BLUE),
        bar(5, 200, 330, "process restarted", _GRAY, dash=True),
        bar(2, 370, 470, "add 0+1+2+3", _GREEN),
        bar(0, 480, 690, "save the state of version 8", _GRAY),
        bar(1, 372, 462, "4 genotypes", _YELLOW),
        bar(2, 475, 545, "version 8", _GREEN),
        bar(3, 555, 665, "shard 0", _BLUE),
        bar(4, 555, 695, "shard 1", _BLUE),
        bar(5, 555, 650, "shard 2", _BLUE),
        bar(5, 655, 760, "shard 3", _BLUE),
    ]
    bottom = top + len(lanes) * height
    for begin, end, text in ((100, 365, "step 7: shards go to whichever worker is free"),
                             (555, 760, "step 8 computes while the state is saved")):  # fmt: skip
        parts.append(
            f'<path d="M{left + begin} {bottom + 8} v8 H{left + end} v-8" fill="none" stroke="{_LINE}"/>'
            f'<text x="{left + (begin + end) / 2}" y="{bottom + 34}" text-anchor="middle" fill="{_FAINT}">'
            f"{text}</text>"
        )
    parts.append(
        f'<text x="{left}" y="56" fill="{_FAINT}">time &#8594;  The sum has a fixed order, whatever the'
        " order of arrival: the result does not depend on workers, deaths or restarts.</text>"
    )
    return _svg(930, bottom + 50, "Two steps of a search on three workers, one of which is killed", parts)


def _svg(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    marker = (
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
        ' orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{_LINE}"/></marker></defs>'
    )
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
        f' font-size="12">\n<title>{escape(title)}</title>\n{marker}\n'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>\n'
        f'<text x="20" y="30" font-size="15" fill="{_INK}">{escape(title)}</text>\n{body}\n</svg>\n'
    )


def _frame(x: int, y: int, width: int, height: int, title: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="none" stroke="#b9c2cc"'
        f' stroke-dasharray="5 4"/><text x="{x + 10}" y="{y + 18}" fill="{_FAINT}">{escape(title)}</text>'
    )


def _box(x: int, y: int, width: int, height: int, title: str, *lines: str, fill: str) -> str:
    middle = x + width / 2
    text = "".join(
        f'<text x="{middle:g}" y="{y + 38 + 15 * number}" text-anchor="middle" font-size="11"'
        f' fill="{_FAINT}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" fill="{fill}"/>'
        f'<text x="{middle:g}" y="{y + 20}" text-anchor="middle" fill="{_INK}">{escape(title)}</text>{text}'
    )


def _arrow(x1: int, y1: int, x2: int, y2: int, label: str) -> str:
    upright = x1 == x2
    x, y = (x1 + 6, (y1 + y2) / 2 + 4) if upright else ((x1 + x2) / 2, (y1 + y2) / 2 - 6)
    text = (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{"start" if upright else "middle"}" font-size="11"'
        f' fill="{_FAINT}">{escape(label)}</text>'
        if label
        else ""
    )
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="{_LINE}" marker-end="url(#head)"/>{text}'
