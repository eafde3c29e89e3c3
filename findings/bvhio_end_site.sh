#!/usr/bin/env bash
# bvhio writes other End Sites than it read: each becomes 0.3 of the length of the bone above it.
#
# Surprise: read as a hierarchy and written back unchanged, a foot of 38 below a shank of 40 is 12 long. The
# hierarchy keeps no End Site, and on writing one is made up: (0, 1, 0) in the joint's rest orientation, times the
# joint's length, times 0.3 (bvhio/lib/hierarchy.py). `readAsBvh` and `writeBvh` keep it. Whoever takes the last
# joint (toes, hands, top of the head) from an End Site gets another body.
# Guessed: the file comes back as it was.
# bvhio 1.5.4, Python 3.11, tried on 2026-11-30.
set -euo pipefail
packages=(bvhio==1.5.4)
behavior="readAsHierarchy and writeHierarchy replace an End Site by 0.3 of the parent's length; readAsBvh and writeBvh keep it."
expected=$(cat <<'SEEN'
shank 40, end 38: as a hierarchy OFFSET 0.0 -12.0 0.0, as BVH OFFSET 0.0 -38.0 0.0
shank 40, end 80: as a hierarchy OFFSET 0.0 -12.0 0.0, as BVH OFFSET 0.0 -80.0 0.0
shank 10, end 38: as a hierarchy OFFSET 0.0 -3.0 0.0, as BVH OFFSET 0.0 -38.0 0.0
SEEN
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -z "${LATEST:-}" ] || packages=("${packages[@]%%==*}")
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" || exit 2
cd "$work"
seen=$(venv/bin/python -W ignore - <<'PROGRAM'
from pathlib import Path

import bvhio

FORM = """HIERARCHY
ROOT Hips
{
  OFFSET 0 90 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Knee
  {
    OFFSET 0 -SHANK 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -FOOT 0
    }
  }
}
MOTION
Frames: 1
Frame Time: 0.0333333
0 90 0 0 0 0 0 0 0
"""


def end_site(path):
    return [line.strip() for line in Path(path).read_text().splitlines() if "OFFSET" in line][-1]


for shank, foot in ((40, 38), (40, 80), (10, 38)):
    Path("in.bvh").write_text(FORM.replace("SHANK", str(shank)).replace("FOOT", str(foot)))
    bvhio.writeHierarchy("hierarchy.bvh", bvhio.readAsHierarchy("in.bvh"), 1 / 30)
    bvhio.writeBvh("bvh.bvh", bvhio.readAsBvh("in.bvh"))
    print(f"shank {shank}, end {foot}: as a hierarchy {end_site('hierarchy.bvh')}, as BVH {end_site('bvh.bvh')}")
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}")"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
