"""Joint layouts as text: every joint with number, parent and twin, and the tree that they make."""

from lifting.skeleton import SKELETONS, Skeleton

__all__ = ["as_markdown", "as_table", "as_tree"]


def as_table(skeleton: Skeleton) -> str:
    """A line for each joint: its number, its name, its parent, and its twin on the other side."""
    width = max(len(joint) for joint in skeleton.joints)
    twin = skeleton.mirror
    lines = []
    for number, (joint, parent) in enumerate(zip(skeleton.joints, skeleton.parents, strict=True)):
        above = "root" if parent < 0 else f"from {parent} {skeleton.joints[parent]}"
        other = "" if twin[number] == number else f"twin {twin[number]}"
        lines.append(f"{number:4} {joint:{width}}  {above:{width + 9}}  {other}".rstrip())
    return "\n".join(lines)


def as_tree(skeleton: Skeleton) -> str:
    """The joints below their parents, drawn with lines."""
    children: dict[int, list[int]] = {}
    for parent, child in skeleton.bones:
        children.setdefault(parent, []).append(child)

    def draw(joint: int, before: str) -> list[str]:
        lines = []
        below = children.get(joint, [])
        for place, child in enumerate(below):
            last = place == len(below) - 1
            lines.append(f"{before}{'└─ ' if last else '├─ '}{skeleton.joints[child]} ({child})")
            lines += draw(child, before + ("   " if last else "│  "))
        return lines

    return "\n".join([f"{skeleton.joints[skeleton.root]} ({skeleton.root})", *draw(skeleton.root, "")])


def as_markdown() -> str:
    """Every known layout, for docs/datasets.md: the joints in order, each with the number of its parent."""
    lines = []
    for skeleton in SKELETONS.values():
        joints = ", ".join(
            f"{number} {joint}" + ("" if parent < 0 else f" ({parent})")
            for number, (joint, parent) in enumerate(zip(skeleton.joints, skeleton.parents, strict=True))
        )
        pairs = ", ".join(f"{left}-{right}" for left, right in skeleton.pairs)
        lines += [f"**`{skeleton.name}`**: {joints}. Pairs: {pairs}.", ""]
    return "\n".join(lines).rstrip() + "\n"
