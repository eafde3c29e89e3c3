"""Checkpoints of a search: safetensors and JSON, checked by SHA-256; the newest readable one wins.

    folder/LATEST                      the name of the newest manifest, for people
    folder/step-00000120.json          a manifest: the state as JSON, its arrays by reference
    folder/parts/<sha256>.safetensors  arrays, named by their content: what did not change is not rewritten

Parts are written first, then the manifest, then LATEST: a crash at any moment leaves the one before whole.
"""

import errno
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from cluster.checkpoints.format import StateCodec, Stored, deserialize, serialize
from cluster.files import TEMPORARY_PREFIX, sha256, sha256_of_file, write_atomically

__all__ = [
    "Checkpoints",
    "LoadedCheckpoint",
    "StateSnapshot",
]

FORMAT = 1
_MANIFEST = re.compile(r"step-(\d+)\.json")


class StateSnapshot(NamedTuple):
    """A state at one moment, ready to be written; what happens to the state afterwards does not reach it."""

    step: int
    tree: Any
    parts: Mapping[str, Mapping[str, Stored]]


class LoadedCheckpoint(NamedTuple):
    """What `Checkpoints.load_latest` found."""

    state: dict[str, Any]
    step: int
    notes: list[str]
    """Sentences that the caller must show: which checkpoints were skipped, and why."""


class Checkpoints:
    """The checkpoints of one run in one folder, with one writer at a time.

    Args:
        folder: where they lie; made by the first save.
        keep: how many are kept, at least 1. Two or more survive a corrupt newest one.
        configuration: the hash (`configuration_hash`) of what the state depends on. How many workers there
            are and how long the run continues do not belong in it.
    """

    def __init__(self, folder: Path | str, keep: int = 3, configuration: str = "") -> None:
        if keep < 1:
            raise ValueError(f"keep is {keep}; at least 1 checkpoint must be kept")
        self.folder = Path(folder)
        self.keep = keep
        self.configuration = configuration
        self._ours = False  # this object loaded or wrote what the folder holds
        self._verified: dict[
            str, tuple[int, int, int]
        ] = {}  # part -> its file's signature when last known good
        self._written: dict[str, tuple[Stored, str]] = {}  # read-only arrays by part, and their digests

    def save(self, state: Mapping[str, Any], step: int) -> int:
        """Save a state durably; afterwards it is the newest, and only the `keep` newest are left.

        Args:
            state: nested dicts, lists and tuples of tensors, arrays and JSON scalars.
            step: the number of steps done, 0 or more.

        Returns:
            The number of bytes that had to be written; unchanged parts cost none.

        Raises:
            ValueError: the state holds something else, or the folder holds another run's checkpoints.
            OSError: the disk is full or the folder cannot be written. Earlier checkpoints stay as they were.
        """
        return self.write(self.snapshot(state, step))

    @staticmethod
    def snapshot(state: Mapping[str, Any], step: int) -> StateSnapshot:
        """The first half of `save`: what `write` writes, now or later, in this thread or another.

        Arrays that are read-only are not copied: no code may change them.

        Raises:
            ValueError: the state holds something that cannot be saved.
        """
        return StateSnapshot(step, *StateCodec.encode(state))

    def write(self, snapshot: StateSnapshot) -> int:
        """The second half of `save`: what it returns and raises."""
        if not self._ours:
            self._refuse_foreign()
        step, tree, parts = snapshot
        try:
            references = {name: self._write_part(name, tensors) for name, tensors in parts.items()}
            body = {"format": FORMAT, "step": step, "configuration": self.configuration, "state": tree}
            body["parts"] = {name: digest for name, (digest, _) in references.items()}
            manifest = self._manifest(step)
            content = _seal(body)
            write_atomically(manifest, content)
            write_atomically(self.folder / "LATEST", manifest.name + "\n")
            self._ours = True
            self._prune(step)
        except OSError as error:
            raise OSError(
                f"the checkpoint of step {step} could not be written to {self.folder}: "
                f"{error.strerror or error}; those before it are untouched{_remedy(error)}"
            ) from error
        return len(content) + sum(size for _, size in references.values())

    def load_latest(self) -> LoadedCheckpoint | None:
        """The newest readable checkpoint, or None where the folder holds none at all.

        Raises:
            ValueError: it belongs to another configuration, or there are some and none can be read.
        """
        steps = self.steps()
        notes = []
        for step in reversed(steps):
            try:
                body = self._read_manifest(step)
                self._check_configuration(step, body)
                state = self._read_state(body)
            except (OSError, _CorruptError) as error:
                notes.append(f"checkpoint {self._manifest(step)} is not readable and was skipped: {error}")
                continue
            self._ours = True
            return LoadedCheckpoint(state, step, notes)
        if steps:
            raise ValueError(f"no checkpoint in {self.folder} can be read: {'; '.join(notes)}")
        return None

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, readable or not, ascending."""
        names = (_MANIFEST.fullmatch(path.name) for path in self.folder.glob("step-*.json"))
        return sorted(int(match[1]) for match in names if match)

    def _manifest(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}.json"

    def _part(self, digest: str) -> Path:
        return self.folder / "parts" / f"{digest}.safetensors"

    def _refuse_foreign(self) -> None:
        """A run that starts anew must not bury the checkpoints of the one before it."""
        steps = self.steps()
        if steps:
            raise ValueError(
                f"{self.folder} holds the checkpoints of an earlier run (newest: step {steps[-1]}); "
                "resume that run, or give another folder"
            )

    def _check_configuration(self, step: int, body: Mapping[str, Any]) -> None:
        theirs, ours = body["configuration"], self.configuration
        if theirs != ours:
            raise ValueError(
                f"checkpoint {self._manifest(step)} was made with another configuration "
                f"({theirs[:12] or 'none'}; this run has {ours[:12] or 'none'}); "
                "resume with the one that it was started with, or give another folder"
            )

    def _write_part(self, name: str, tensors: Mapping[str, Stored]) -> tuple[str, int]:
        """Write one part unless it is there; returns its digest and how many bytes were written."""
        only, *others = tensors.values()
        known, digest = self._written.get(name, (None, ""))
        if known is only and self._is_whole(self._part(digest), digest):
            return digest, 0  # the very array that was written before, and read-only
        content = serialize(tensors)
        digest = sha256(content)
        if not others and isinstance(only, np.ndarray):
            self._written[name] = only, digest
        path = self._part(digest)
        if self._is_whole(path, digest):
            return digest, 0
        write_atomically(path, content)
        self._verified[digest] = _signature(path)
        return digest, len(content)

    def _is_whole(self, path: Path, digest: str) -> bool:
        """Whether a part is there and intact; its content is read again only if it was touched since."""
        if not path.exists():
            return False
        if self._verified.get(digest) == _signature(path):
            return True
        if sha256_of_file(path) != digest:
            return False
        self._verified[digest] = _signature(path)
        return True

    def _read_manifest(self, step: int) -> dict[str, Any]:
        return _unseal(self._manifest(step).read_bytes())

    def _read_state(self, body: Mapping[str, Any]) -> dict[str, Any]:
        tensors = {name: self._read_part(digest) for name, digest in body["parts"].items()}
        state: dict[str, Any] = StateCodec.decode(body["state"], tensors)
        return state

    def _read_part(self, digest: str) -> dict[str, Tensor]:
        path = self._part(digest)
        content = path.read_bytes()
        if sha256(content) != digest:
            raise _CorruptError(f"{path} is damaged (its SHA-256 is not the one that was written)")
        self._verified[digest] = _signature(path)
        return deserialize(content)

    def _prune(self, newest: int) -> None:
        """Leave the `keep` newest up to `newest`; what claims to be later is corrupt or abandoned."""
        steps = self.steps()
        kept = [step for step in steps if step <= newest][-self.keep :]
        for step in set(steps) - set(kept):
            self._manifest(step).unlink(missing_ok=True)
        used = set()
        for step in kept:
            try:
                used |= set(self._read_manifest(step)["parts"].values())
            except _CorruptError:
                self._manifest(step).unlink(missing_ok=True)
        for path in self.folder.glob("parts/*.safetensors"):
            if path.stem not in used:
                path.unlink(missing_ok=True)
                self._verified.pop(path.stem, None)
        for path in self.folder.rglob(f"{TEMPORARY_PREFIX}*"):
            path.unlink(missing_ok=True)


def _remedy(error: OSError) -> str:
    """What to do before the run is resumed."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ": make room and resume the run"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return ": make the folder writable and resume the run"
    return ""


class _CorruptError(Exception):
    """One checkpoint cannot be used; the one before it is tried."""


def _seal(body: Mapping[str, Any]) -> bytes:
    """A manifest's bytes: its first line is the SHA-256 of the rest, so that any changed byte is noticed."""
    content = json.dumps(body, indent=1).encode()
    return f'{{"sha256": "{sha256(content)}", "body":\n'.encode() + content + b"}\n"


def _unseal(content: bytes) -> dict[str, Any]:
    head, _, rest = content.partition(b"\n")
    match = re.fullmatch(rb'\{"sha256": "([0-9a-f]{64})", "body":', head)
    if match is None or not rest.endswith(b"}\n") or sha256(rest[:-2]) != match[1].decode():
        raise _CorruptError("the manifest is damaged (its SHA-256 is not the one that was written)")
    body: dict[str, Any] = json.loads(rest[:-2])
    if body["format"] != FORMAT:
        raise _CorruptError(f"its format is {body['format']}; this version of posenas reads format {FORMAT}")
    return body


def _signature(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino
