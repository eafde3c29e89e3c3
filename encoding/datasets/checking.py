"""Everything that is wrong or odd about a data set that has been loaded, whatever its source."""

from encoding.datasets.body_checks import body_findings
from encoding.datasets.clip_checks import clip_findings, twin_findings
from encoding.datasets.records import Split
from encoding.datasets.set_checks import part_findings, rate_findings
from encoding.datasets.validation import PARTS, Report, grouped
from encoding.flat import in_plane
from encoding.posture import posture_of

__all__ = ["check_split"]


def check_split(split: Split) -> Report:
    """Findings about a data set that has been loaded, whatever its source."""
    parts = [part for part in PARTS for _ in getattr(split, part)]
    names = [clip.name for clip in split.clips]
    poses = [in_plane(clip.poses).xyz for clip in split.clips]
    findings = [
        finding
        for name, xyz in zip(names, poses, strict=True)
        for finding in clip_findings(name, xyz, split.skeleton.joints)
    ]
    findings += part_findings(
        names=names,
        labels=[clip.label for clip in split.clips],
        subjects=[clip.subject for clip in split.clips],
        parts=parts,
        class_names=split.class_names,
    )
    findings += rate_findings(names, [clip.poses.fps for clip in split.clips])
    findings += twin_findings(names, poses, parts)
    if not split.clips[0].poses.flat:  # what is said of bodies needs a depth
        up = posture_of(poses, split.skeleton).up
        findings += body_findings(names, poses, split.skeleton, up if up in ("y", "-y") else "y")
    frames = sum(clip.poses.num_frames for clip in split.clips)
    return Report(source=split.name, num_clips=len(parts), num_frames=frames, findings=grouped(findings))
