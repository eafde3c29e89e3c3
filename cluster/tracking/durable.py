"""The tracker of every stage: events go to the run's outbox, and a courier beside takes them to MLflow.

On the training path an event costs one durable commit in the run's folder, whatever the tracking server does.
MLflow is never imported there. Why the courier is a process and no thread: docs/architecture.md.
"""

import shlex
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from cluster.progress import Progress
from cluster.tracking.config import TrackingConfig
from cluster.tracking.facts import as_csv, flat, without_passwords
from cluster.tracking.mlflow_store import check_place, resolve
from cluster.tracking.outbox import Backlog, DeliveryStatus, Outbox, store_name
from cluster.tracking.tracker import MetricPoint, Status

__all__ = ["DurableTracker", "left_behind"]

# While the courier delivers, its parent waits for it; so long without a delivery is taken for a hang.
_STALLED_SECONDS = 60.0
_RESTART_SECONDS = 30.0


class DurableTracker:
    """A `Tracker` that is never in the way and loses nothing.

    Args:
        config: the store, and how long to wait for it at the end.
        run_folder: of the run; its outbox is `run_folder/outbox`.
        progress: receives a line when the store cannot be reached, and when it can again.

    Raises:
        ValueError, FileNotFoundError, PermissionError: the address is wrong, as anyone can see from here.
    """

    def __init__(self, config: TrackingConfig, run_folder: Path, progress: Progress) -> None:
        self.uri = resolve(config.uri)
        check_place(self.uri)
        self._config, self._progress = config, progress
        self._run_folder, self._folder = Path(run_folder), Path(run_folder) / "outbox"
        self._store = store_name(self.uri, config.experiment)
        self._outbox: Outbox | None = None
        self._courier: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._run_id = ""
        self._backlog: list[Callable[[Outbox], None]] = []
        self._said = DeliveryStatus("", "")

    def start(
        self, run_id: str, name: str, params: Mapping[str, object], tags: Mapping[str, str], parent: str = ""
    ) -> None:
        """See `Tracker`."""
        self._run_id = run_id
        content = {
            "name": name,
            "params": {key: without_passwords(value) for key, value in flat(params).items()},
            "tags": {key: without_passwords(value) for key, value in tags.items()},
            "parent": parent,
            "timestamp": time.time(),
        }
        self._tell(lambda outbox: outbox.add(self._store, run_id, "start", content))

    def log(self, step: int, metrics: Mapping[str, float], timestamp: float | None = None) -> None:
        """See `Tracker`."""
        self.log_history([MetricPoint(step, metrics, time.time() if timestamp is None else timestamp)])

    def log_history(self, points: Iterable[MetricPoint]) -> None:
        """See `Tracker`."""
        run_id = self._run_id
        facts = [(_key(point), _point(point)) for point in points]
        if facts:
            self._tell(lambda outbox: outbox.add_all(self._store, run_id, "metrics", facts))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """See `Tracker`."""
        run_id, content = self._run_id, {"tags": {k: without_passwords(value) for k, value in tags.items()}}
        self._tell(lambda outbox: outbox.add(self._store, run_id, "tags", content))

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """See `Tracker`; the file is copied, so that it may change or go.

        Raises:
            FileNotFoundError: there is nothing at `path`.
        """
        if not Path(path).exists():
            raise FileNotFoundError(f"{path} cannot be recorded as an artifact: it does not exist")
        run_id = self._run_id

        def keep(outbox: Outbox) -> None:
            # a folder's files go to `folder` itself, as `log_artifact` has it
            content = {"copy": outbox.copy(Path(path)), "folder": folder}
            outbox.add(self._store, run_id, "file", content)

        self._tell(keep)

    def log_table(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """See `Tracker`."""
        run_id, text, place = self._run_id, as_csv(rows), Path(name)

        def keep(outbox: Outbox) -> None:
            folder = "" if place.parent == Path() else str(place.parent)
            content = {"copy": outbox.write(place.name, text), "folder": folder}
            outbox.add(self._store, run_id, "file", content)

        self._tell(keep)

    def log_model(
        self,
        folder: Path,
        name: str,
        *,
        registered_name: str = "",
        alias: str = "",
        score: float | None = None,
    ) -> None:
        """See `Tracker`; the folder is copied."""
        run_id = self._run_id

        def keep(outbox: Outbox) -> None:
            content = {"copy": outbox.copy(Path(folder)), "name": name, "registered_name": registered_name}
            outbox.add(self._store, run_id, "model", {**content, "alias": alias, "score": score})

        self._tell(keep)

    def finish(self, status: Status) -> None:
        """See `Tracker`."""
        run_id, content = self._run_id, {"status": status, "timestamp": time.time()}
        self._tell(lambda outbox: outbox.add(self._store, run_id, "finish", content))

    def position(self) -> int:
        """See `Tracker`."""
        return 0 if self._outbox is None else self._outbox.position()

    def rewind(self, position: int) -> None:
        """See `Tracker`."""
        run_id = self._run_id
        self._tell(lambda outbox: outbox.rewind(run_id, position))

    def close(self) -> None:
        """Wait while the courier gets on, else for `wait_seconds`; say what is left and how to deliver it."""
        self._started = 0.0  # a courier that ended by itself is replaced, for one last try
        self._tell(Outbox.position)  # nothing new: what could not be kept before has its last chance
        if self._backlog:
            count = len(self._backlog) - 1
            self._progress.say(f"{count} events could not be kept for MLflow: {self._said.reason}")
        if self._courier is not None and self._outbox is not None:
            self._wait(self._courier, self._outbox)
            line = left_behind(self._outbox.backlog(self._store), self._run_folder, self._why(self._outbox))
            if line:
                self._progress.say(line)
        if self._outbox is not None:
            self._outbox.close()
        self._outbox, self._courier = None, None

    def _tell(self, keep: Callable[[Outbox], object]) -> None:
        """Keep an event, those first that could not be kept before, and wake the courier."""
        self._backlog.append(keep)  # type: ignore[arg-type]
        try:
            if self._outbox is None:
                self._outbox = Outbox(self._folder)
            while self._backlog:
                self._backlog[0](self._outbox)
                del self._backlog[0]
        except (OSError, sqlite3.Error) as error:
            self._say(
                DeliveryStatus("full", f"the outbox {self._folder} cannot be written ({_words(error)})")
            )
            return
        try:
            self._wake()
        except OSError as error:
            self._say(DeliveryStatus("failing", f"no courier can be started ({_words(error)})"))
            return
        self._say(self._outbox.delivery_status(self._store))

    def _wake(self) -> None:
        if self._courier is not None and self._courier.poll() is not None and self._may_restart():
            _let_go(self._courier)
            self._courier = None
        if self._courier is None:
            self._courier, self._started = self._start_courier(), time.monotonic()
        if self._courier.stdin is None or self._courier.poll() is not None:
            return
        with suppress(BrokenPipeError):  # it has just ended; a later event starts another
            self._courier.stdin.write(b".")

    def _may_restart(self) -> bool:
        """A courier that ends by itself is broken or was killed: not a new one for every event."""
        return time.monotonic() - self._started > _RESTART_SECONDS

    def _start_courier(self) -> subprocess.Popen[bytes]:
        """A process of its own session: Ctrl-C is for this one, and it learns of the end by its stdin."""
        command = [sys.executable, "-P", "-m", "cluster.tracking.courier", str(self._folder.absolute())]
        with (self._folder / "courier.log").open("wb") as log:
            courier = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, bufsize=0, start_new_session=True
            )
        assert courier.stdin is not None
        # by pipe, not on the command line, where everyone on this machine could read a password
        settings = self._config.model_copy(update={"uri": self.uri})
        courier.stdin.write(settings.model_dump_json().encode() + b"\n")
        return courier

    def _wait(self, courier: subprocess.Popen[bytes], outbox: Outbox) -> None:
        _let_go(courier)
        begin = moved = time.monotonic()
        before = -1
        while courier.poll() is None:
            now, waiting = time.monotonic(), outbox.backlog(self._store).total
            if waiting != before:
                before, moved = waiting, now
            failing = outbox.delivery_status(self._store).state == "failing"
            if now - (begin if failing else moved) > (
                self._config.wait_seconds if failing else max(_STALLED_SECONDS, self._config.wait_seconds)
            ):
                courier.kill()
                courier.wait()
                return
            time.sleep(0.02)

    def _say(self, news: DeliveryStatus) -> None:
        """A line when it stops or starts to work; not one for every event."""
        if news.state == self._said.state or news.state == "":
            return
        if news.state in ("failing", "full"):
            self._progress.say(f"not recorded for now, kept in {self._folder}: {news.reason}")
        elif self._said.state in ("failing", "full"):
            self._progress.say("recorded again: what was kept is being delivered")
        self._said = news

    def _why(self, outbox: Outbox) -> str:
        news = outbox.delivery_status(self._store)
        return news.reason if news.state == "failing" else ""


def left_behind(waiting: Backlog, run_folder: Path, why: str) -> str:
    """What has not reached MLflow and how to bring it there, as one line; empty when nothing is missing."""
    parts = []
    if waiting.total:
        because = f" ({why})" if why else ""
        parts.append(
            f"not in MLflow yet: {waiting.points} points of curves and {waiting.others} other events"
            f"{because}; `posenas deliver {shlex.quote(str(run_folder))}` brings them there"
        )
    if waiting.refused:
        parts.append(f"MLflow refused {waiting.refused} events for good, the first with: {waiting.reason}")
    return ". ".join(parts)


def _let_go(courier: "subprocess.Popen[bytes]") -> None:
    """Close our end of its stdin: nothing more comes."""
    if courier.stdin is not None:
        with suppress(BrokenPipeError):
            courier.stdin.close()


def _key(point: MetricPoint) -> str:
    """A step done again has the same key. Step 0 is for scores of the whole run, which may be corrected."""
    return f"{point.step} {' '.join(sorted(point.metrics))}" if point.step else ""


def _point(point: MetricPoint) -> dict[str, object]:
    # as text: JSON knows no infinity and no not-a-number
    metrics = {name: repr(float(value)) for name, value in point.metrics.items()}
    return {"step": point.step, "metrics": metrics, "timestamp": point.timestamp}


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)) or "unknown"
