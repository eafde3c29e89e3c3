"""What a check of labeled clips reports: one line for each kind of finding, with a count and an example."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["PARTS", "Finding", "Report", "error", "grouped", "warning"]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing found.

    Attributes:
        severity: "error" where the data cannot be used; "warning" where it can, perhaps not as meant.
        clip: the clip's name, of several the first one's; None for the data set as a whole.
        message: one sentence.
        kind: findings of one kind are reported together.
        count: how many clips it concerns.
    """

    severity: Literal["error", "warning"]
    message: str
    clip: str | None = None
    kind: str = ""
    count: int = 1

    @property
    def text(self) -> str:
        """The sentence with the clips that it is about."""
        if self.clip is None:
            return self.message
        if self.count == 1:
            return f"clip {self.clip!r}: {self.message}"
        return f"{self.count} clips, such as {self.clip!r}: {self.message}"

    def __str__(self) -> str:
        return f"{self.severity}: {self.text}"


@dataclass(frozen=True, kw_only=True)
class Report:
    """All findings about one data set."""

    source: str
    num_clips: int
    num_frames: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What must be mended before use."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is worth a look."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    @property
    def ok(self) -> bool:
        """No errors."""
        return not self.errors

    def __str__(self) -> str:
        head = (
            f"{self.source}: {self.num_clips} clips, {self.num_frames} frames, "
            f"{len(self.errors)} errors, {len(self.warnings)} warnings"
        )
        return "\n".join([head, *map(str, self.errors), *map(str, self.warnings)])


def grouped(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding for each kind: those about single clips become one with a count and the first as example.

    Errors come first, then what concerns the whole data set, each in the order found.
    """
    found: dict[tuple[str, str], Finding] = {}
    for number, finding in enumerate(findings):
        key = (finding.severity, finding.kind or f"#{number}")
        before = found.get(key)
        found[key] = finding if before is None else replace(before, count=before.count + finding.count)
    return tuple(sorted(found.values(), key=lambda one: (one.severity != "error", one.clip is not None)))


def error(message: str, clip: str | None = None, *, kind: str = "") -> Finding:
    """The data cannot be used."""
    return Finding(severity="error", message=message, clip=clip, kind=kind)


def warning(message: str, clip: str | None = None, *, kind: str = "") -> Finding:
    """The data can be used, perhaps not as meant."""
    return Finding(severity="warning", message=message, clip=clip, kind=kind)
