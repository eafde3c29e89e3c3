"""OpenPose's JSON: a folder for each clip, with one file for each frame (lifting.openpose)."""

from functools import partial
from pathlib import Path

from encoding.datasets.formats.detections import FPS, Detection, Frames, read_json, to_motion
from encoding.datasets.formats.entry import Format, ImportOptions, RawClip, Recordings
from encoding.datasets.formats.files import files_of
from encoding.datasets.formats.named_points import LayoutError
from encoding.datasets.formats.takes import Motion, TakeFile, plan_takes, read_takes
from lifting.openpose import KeypointFolder, open_folder
from lifting.skeleton import Skeleton

__all__ = ["FORMAT"]


def recognize(path: Path) -> bool:
    """Whether there is a folder of .json with `people`."""
    if not path.is_dir():
        return False
    first = next((one for one in files_of(path, ".json") if one.name != "source.json"), None)
    if first is None or first.stat().st_size > 1 << 24:
        return False
    try:
        content = read_json(first)
    except ValueError:
        return False
    return isinstance(content, dict) and isinstance(content.get("people"), list)


def open_openpose(root: Path, options: ImportOptions) -> Recordings:
    """Every folder that holds .json files is a clip."""
    folders = sorted({path.parent for path in files_of(root, ".json")})
    takes = plan_takes(root, folders, options.labels)
    first = _open(takes.files[0].path, options)
    fps = options.fps or first.fps or FPS
    said = options.fps or first.fps
    return Recordings(
        items=takes.files,
        read=partial(_read, skeleton=first.skeleton, options=options),
        skeleton=first.skeleton,
        unit="pixels",
        axes="y down",
        rate=f"{fps:g} frames/s" + ("" if said else " (assumed: the files do not say)"),
        protocols=takes.protocols,
        left_out=takes.left_out,
        heavy=True,
    )


def _open(folder: Path, options: ImportOptions) -> KeypointFolder:
    return open_folder(folder, options.skeleton or "auto", image_size=options.image_size)


def _read(file: TakeFile, *, skeleton: Skeleton, options: ImportOptions) -> list[RawClip]:
    return read_takes(file, read=partial(_motion, skeleton=skeleton, options=options))


def _motion(path: Path, *, skeleton: Skeleton, options: ImportOptions) -> Motion:
    folder = _open(path, options)
    if folder.skeleton != skeleton:
        raise LayoutError(
            f"{path} has people of {folder.skeleton.name}, the first clip of {skeleton.name}: the clips of "
            "one import need one layout"
        )
    frames: Frames = []
    for frame in folder.frames():
        people: list[Detection] = [(None, person.xy, person.confidence) for person in frame.people]
        frames.append((frame.index, people))
    wanted = ImportOptions(fps=options.fps or folder.fps, people=options.people)
    return to_motion(frames, skeleton, wanted, folder.image_size, path.name)


FORMAT = Format(
    name="openpose",
    title="OpenPose JSON",
    looks_like="folders of .json with people, one file for each frame",
    recognize=recognize,
    open=open_openpose,
    options=("labels", "skeleton", "fps", "image_size"),
)
