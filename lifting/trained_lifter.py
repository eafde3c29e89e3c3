"""The trained lifter: one folder with all that lifting needs, checked when it is read.

    gt.safetensors, detected.safetensors    the networks of the two streams
    gt.onnx, detected.onnx                  the same for onnxruntime, batch normalization folded in
    lifter.json                             networks, normalization, layouts, versions, SHA-256 of the rest

Nothing in it is pickled.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict

from lifting.checked_settings import check_settings
from lifting.export import in_eight_bits, save_onnx
from lifting.files import read_json, write_atomically, write_folder
from lifting.gaps import GapConfig
from lifting.inference import FrameLifter, Predict, StreamLifter, StreamSelection, TwoStream
from lifting.lifter_folder import DESCRIPTION, lifter_folder
from lifting.model import Lifter, LifterConfig
from lifting.model_parts import check_parts, origin, write_weights
from lifting.normalize import FloatArray, KeypointNormalizer, PoseNormalizer
from lifting.one_euro import OneEuroConfig
from lifting.people import PersonChoice, follow_person, person_keypoints
from lifting.poses import Keypoints2D, PoseSequence3D
from lifting.reading import guarded
from lifting.skeleton import Skeleton
from lifting.sources.frames import Source
from lifting.tracking import PeopleFrame
from lifting.train import STREAMS, Stream

__all__ = ["Runtime", "TrainedStream", "TwoStreamLifter"]

Runtime = Literal["onnx", "int8", "torch"]


class _StreamDescription(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    model: LifterConfig
    keypoints: dict[str, Any]
    joints: dict[str, Any]


class _Description(BaseModel):
    """lifter.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    streams: dict[Stream, _StreamDescription]
    notes: dict[str, Any]
    versions: dict[str, str]
    sha256: dict[str, str]


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainedStream:
    """One trained stream.

    Attributes:
        network: in evaluation mode.
        keypoints: how its keypoints are normalized.
        joints: how its outputs become millimeters.
    """

    network: Lifter
    keypoints: KeypointNormalizer
    joints: PoseNormalizer

    def lifter(self, predict: Predict | None = None) -> StreamLifter:
        """Ready to lift; with torch unless another `predict` is given."""
        return StreamLifter(
            keypoints=self.keypoints, joints=self.joints, predict=predict or _torch_predict(self.network)
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class TwoStreamLifter:
    """2D keypoints in, 3D poses out.

    lifter = TwoStreamLifter.load("runs/lifter")
    poses = lifter.lift_source(open_source("walk.mp4"))
    poses = lifter.lift(keypoints)              # a whole clip
    live = lifter.stream(BODY_25, fps=30)       # frame by frame
    for frame in live.push(xy, confidence): ...

    Attributes:
        streams: by name, "gt" and "detected".
        two_stream: the same, ready to lift.
        notes: what else is worth knowing (run, data, settings), JSON values.
    """

    streams: Mapping[Stream, TrainedStream]
    two_stream: TwoStream
    notes: Mapping[str, Any]

    @classmethod
    def of(cls, streams: Mapping[Stream, TrainedStream], notes: Mapping[str, Any]) -> Self:
        """From two trained streams, computing with torch.

        Raises:
            ValueError: they write poses of different layouts.
        """
        both = TwoStream(gt=streams["gt"].lifter(), detected=streams["detected"].lifter())
        return cls(streams=dict(streams), two_stream=both, notes=dict(notes))

    @property
    def skeleton(self) -> Skeleton:
        """Layout of the poses."""
        return self.two_stream.skeleton

    @property
    def keypoint_skeleton(self) -> Skeleton:
        """Layout of the keypoints that the deployed stream has learned; others are mapped to it."""
        return self.streams["detected"].keypoints.skeleton

    def lift(
        self,
        keypoints: Keypoints2D,
        *,
        use: StreamSelection = "both",
        gaps: GapConfig | None = None,
        smoothing: OneEuroConfig | None = None,
        mend: bool = True,
    ) -> PoseSequence3D:
        """A whole clip; see `lifting.inference.TwoStream.lift`."""
        return self.two_stream.lift(keypoints, use=use, gaps=gaps, smoothing=smoothing, mend=mend)

    def lift_source(
        self,
        source: Source,
        *,
        person: PersonChoice = "largest",
        use: StreamSelection = "both",
        gaps: GapConfig | None = None,
        smoothing: OneEuroConfig | None = None,
        mend: bool = True,
    ) -> PoseSequence3D:
        """One person of a video, or of a folder of OpenPose JSON.

        Args:
            source: as `lifting.open_source` gives it. Its keypoints are held in memory, its pictures are not.
            person: which of several people; see `lifting.people.choose_person`.
            use, gaps, smoothing, mend: as `lift`.

        Raises:
            ValueError: the source is a camera, shows no person long enough, or has keypoints of a layout that
                the lifter cannot take.
        """
        if source.live:
            raise ValueError("a camera does not end by itself; lift its frames one by one with `stream`")
        frames = [PeopleFrame(index=n, people=one.people) for n, one in enumerate(source.frames())]
        clip = person_keypoints(
            (one for _, one in follow_person(lambda: frames, person)),
            image_size=source.image_size,
            fps=source.fps,
            skeleton=source.skeleton,
        )
        return self.lift(clip, use=use, gaps=gaps, smoothing=smoothing, mend=mend)

    def stream(
        self,
        skeleton: Skeleton,
        fps: float,
        *,
        use: StreamSelection = "both",
        gaps: GapConfig | None = None,
        smoothing: OneEuroConfig | None = None,
        mend: bool = True,
    ) -> FrameLifter:
        """Frame by frame: `.push(xy, confidence)`; see `lifting.inference.FrameLifter`."""
        return FrameLifter(self.two_stream, skeleton, fps, use=use, gaps=gaps, smoothing=smoothing, mend=mend)

    def save(self, folder: Path) -> None:
        """Write the folder beside and rename it; an old one is replaced only when the new one is whole."""
        write_folder(folder, self._write)

    def _write(self, folder: Path) -> None:
        for name, stream in self.streams.items():
            write_weights(folder / _weights(name), stream.network)
            save_onnx(stream.network, folder / _onnx(name))
        description = _Description(
            streams={
                name: _StreamDescription(
                    model=stream.network.config,
                    keypoints=stream.keypoints.to_dict(),
                    joints=stream.joints.to_dict(),
                )
                for name, stream in self.streams.items()
            },
            notes=dict(self.notes),
            **origin(folder, _files(), ("torch", "numpy", "onnxruntime")),
        )
        write_atomically(folder / DESCRIPTION, description.model_dump_json(indent=1) + "\n")

    @classmethod
    def load(cls, folder: str | Path, *, runtime: Runtime = "onnx", threads: int = 1) -> Self:
        """Read a folder written by `save`.

        Args:
            folder: where it lies, or the run that holds it in `lifter/`.
            runtime: what computes: onnxruntime (faster frame by frame), the same with weights of 8 bits
                (faster still, not quite as exact), or torch.
            threads: of onnxruntime.

        Raises:
            FileNotFoundError: the folder or a part of it is missing.
            ValueError: a part was changed since it was written, or is of another format.
        """
        folder = lifter_folder(Path(folder))
        with guarded(folder, "a trained lifter"):
            description = _read_description(folder)
            check_parts(
                folder,
                _files(),
                description.sha256,
                model="lifter",
                described=DESCRIPTION,
                remedy="train again",
            )
            streams = {name: _read_stream(folder, name, description.streams[name]) for name in STREAMS}
            if runtime == "torch":
                return cls.of(streams, description.notes)
            gt, detected = (
                streams[name].lifter(_onnx_predict(folder / _onnx(name), runtime, threads))
                for name in STREAMS
            )
            return cls(
                streams=streams, two_stream=TwoStream(gt=gt, detected=detected), notes=description.notes
            )


def _weights(stream: Stream) -> str:
    return f"{stream}.safetensors"


def _onnx(stream: Stream) -> str:
    return f"{stream}.onnx"


def _files() -> list[str]:
    return [name(stream) for stream in STREAMS for name in (_weights, _onnx)]


def _torch_predict(network: Lifter) -> Predict:
    network.eval()

    def predict(features: FloatArray) -> FloatArray:
        with torch.inference_mode():
            return network(torch.from_numpy(features)).numpy()  # type: ignore[no-any-return]

    return predict


def _onnx_predict(path: Path, runtime: Runtime, threads: int) -> Predict:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    model = in_eight_bits(path) if runtime == "int8" else path.read_bytes()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda features: session.run(None, {"keypoints": features})[0]


def _read_stream(folder: Path, name: Stream, description: _StreamDescription) -> TrainedStream:
    keypoints = KeypointNormalizer.from_dict(description.keypoints)
    joints = PoseNormalizer.from_dict(description.joints)
    network = Lifter(keypoints.num_features, joints.num_targets, description.model)
    try:
        network.load_state_dict(safetensors.torch.load((folder / _weights(name)).read_bytes()))
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise ValueError(
            f"the weights {folder / _weights(name)} are of another configuration than {DESCRIPTION} "
            f"says: {first}"
        ) from error
    return TrainedStream(network=network.eval(), keypoints=keypoints, joints=joints)


def _read_description(folder: Path) -> _Description:
    path = folder / DESCRIPTION
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} holds no trained lifter (no {DESCRIPTION}); `posenas lift train` makes one, "
            "in the folder lifter of its run"
        )
    description = check_settings(_Description, read_json(path), str(path))
    for name in STREAMS:
        if name not in description.streams:
            raise ValueError(f"{path} has no stream {name!r}; {' and '.join(STREAMS)} are needed")
    return description
