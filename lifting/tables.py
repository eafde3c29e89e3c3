"""Errors as text: methods down, actions across, as the papers of the field print them."""

from collections.abc import Mapping, Sequence

from lifting.metrics import MEASURES, Evaluation

__all__ = ["action_table", "as_text", "summary_table"]

# The published tables' own short names for the actions of Human3.6M.
_SHORT = {
    "Directions": "Direct.", "Discussion": "Disc.", "Eating": "Eat", "Greeting": "Greet", "Phoning": "Phone",
    "Photo": "Photo", "Posing": "Pose", "Purchases": "Purch.", "Sitting": "Sit", "SittingDown": "SitD.",
    "Smoking": "Smoke", "Waiting": "Wait", "WalkDog": "WalkD.", "Walking": "Walk", "WalkTogether": "WalkT.",
}  # fmt: skip


def action_table(methods: Mapping[str, Evaluation], measure: str = "p1") -> list[list[str]]:
    """One measure of several methods for each action, with the mean over actions and that over frames.

    Args:
        methods: name to what it scored; all on the same test part.
        measure: a key of `lifting.metrics.MEASURES`.

    Returns:
        Rows of cells; the first is the head.

    Raises:
        ValueError: no method, or no such measure.
    """
    if not methods:
        raise ValueError("there is no method to print; at least 1 is needed")
    if measure not in MEASURES:
        raise ValueError(f"measure is {measure!r}; one of {', '.join(MEASURES)} is needed")
    actions = list(next(iter(methods.values())).actions)
    head = [MEASURES[measure], *(_SHORT.get(name, name or "unnamed") for name in actions), "Avg.", "Frames"]
    rows = []
    for name, found in methods.items():
        by_action = [getattr(found.actions[action], measure) for action in actions]
        means = [getattr(found.action_wise, measure), getattr(found.frame_wise, measure)]
        rows.append([name, *(f"{value:.1f}" for value in (*by_action, *means))])
    return [head, *rows]


def summary_table(methods: Mapping[str, Evaluation]) -> list[list[str]]:
    """Every measure of several methods, over frames and over actions, and how steady the bones are."""
    head = ["", *(f"{name}" for name in MEASURES.values()), *(f"{name} by action" for name in ("P1", "P2"))]
    head += ["bones vary", "left/right"]
    rows = []
    for name, found in methods.items():
        numbers = [getattr(found.frame_wise, measure) for measure in MEASURES]
        numbers += [found.action_wise.p1, found.action_wise.p2]
        shares = [found.bones.variation_share, found.bones.asymmetry_share]
        rows.append([name, *(f"{number:.1f}" for number in numbers), *(f"{share:.1%}" for share in shares)])
    return [head, *rows]


def as_text(rows: Sequence[Sequence[str]], *, markdown: bool = False) -> str:
    """Rows of cells in columns of one width: the first column to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    between = " | " if markdown else "  "
    lines = [between.join(_padded(row, widths)) for row in rows]
    if markdown:
        lines.insert(1, " | ".join(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]))
        lines = [f"| {line} |" for line in lines]
    return "\n".join(line.rstrip() for line in lines)


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = row
    return [first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True))]
