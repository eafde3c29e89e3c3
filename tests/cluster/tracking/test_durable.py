import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from cluster.progress import PlainProgress
from cluster.tracking.config import TrackingConfig
from cluster.tracking.courier import deliver, sole_courier
from cluster.tracking.durable import DurableTracker
from cluster.tracking.mlflow_store import connect
from cluster.tracking.outbox import Outbox, store_name
from cluster.tracking.tracker import MetricPoint, MlflowTracker
from mlflow_server import MlflowServer
from postgres_server import PostgresServer
from small_disk import SmallDisk

NOBODY = "http://127.0.0.1:9"  # the discard port: refused at once


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One store for the module: MLflow takes seconds to make its tables."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"
    connect(uri)
    return uri


def opened(uri: str, folder: Path, lines: list[str] | None = None, **settings: Any) -> DurableTracker:
    config = TrackingConfig(uri=uri, **settings)
    return DurableTracker(config, folder, PlainProgress([].append if lines is None else lines.append))


def points(uri: str, run_id: str, key: str, experiment: str = "posenas") -> list[tuple[int, float, int]]:
    """(step, value, milliseconds since 1970) of a curve, as the store holds them, repetitions included."""
    tracker = MlflowTracker(uri, experiment)
    assert tracker.attach(run_id)
    history = tracker._client.get_metric_history(tracker.mlflow_run_id, key)
    return sorted((point.step, point.value, point.timestamp) for point in history)


def expected(steps: int) -> list[tuple[int, float, int]]:
    return [(step, 1 / step, 1000 * step) for step in range(1, steps + 1)]


def log(tracker: DurableTracker, first: int, last: int) -> None:
    for step in range(first, last + 1):
        tracker.log(step, {"loss": 1 / step}, timestamp=float(step))


def run_of(uri: str, run_id: str, experiment: str = "posenas") -> Any:
    tracker = MlflowTracker(uri, experiment)
    assert tracker.attach(run_id)
    return tracker._client.get_run(tracker.mlflow_run_id)


def test_every_kind_of_fact_arrives_with_the_time_at_which_it_was_told(uri: str, tmp_path: Path) -> None:
    begin = time.time()
    tracker = opened(uri, tmp_path)
    tracker.start("kinds", "name", {"search": {"seed": 1}}, {"posenas.split": "AS1"})
    log(tracker, 1, 3)
    tracker.log_history([MetricPoint(0, {"accuracy": float("nan"), "size": float("inf")}, 7.0)])
    tracker.set_tags({"posenas.genotype": "g"})
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "a.svg").write_text("<svg/>")
    tracker.log_artifact(tmp_path / "cells", "pictures")
    tracker.log_artifact(tmp_path / "cells" / "a.svg")
    tracker.log_table("tables/sampled.csv", [{"epoch": 1}])
    told = time.time()
    tracker.finish("finished")
    tracker.close()
    assert points(uri, "kinds", "loss") == expected(3)
    run = run_of(uri, "kinds")
    assert (run.info.run_name, run.info.status) == ("name", "FINISHED")
    assert begin * 1000 - 1 <= run.info.start_time <= told * 1000
    assert abs(run.info.end_time - told * 1000) < 1000
    assert run.data.params == {"search.seed": "1"}
    assert run.data.tags["posenas.genotype"] == "g"
    assert [use.dataset.name for use in run.inputs.dataset_inputs] == ["AS1"]
    root = Path(run.info.artifact_uri.removeprefix("file://"))
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert files == {"a.svg", "pictures/a.svg", "tables/sampled.csv"}
    assert list((tmp_path / "outbox" / "files").iterdir()) == []


def test_the_training_path_never_loads_mlflow(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from cluster.progress import SilentProgress;"
        "from cluster.tracking.durable import DurableTracker;"
        "from cluster.tracking.config import TrackingConfig;"
        f"config = TrackingConfig(uri={NOBODY!r}, wait_seconds=0);"
        "t = DurableTracker(config, Path(sys.argv[1]), SilentProgress());"
        "t.start('a', 'a', {}, {}); t.log(1, {'loss': 1.0}); t.close(); sys.exit('mlflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=120)


def test_a_server_that_is_not_there_delays_nothing_and_the_end_says_what_waits_and_how_to_deliver_it(
    uri: str, tmp_path: Path
) -> None:
    lines: list[str] = []
    tracker = opened(NOBODY, tmp_path / "my run", lines, wait_seconds=0.5)
    tracker.start("away", "away", {}, {})
    log(tracker, 1, 20)
    tracker.finish("finished")
    _until(
        lambda: (
            tracker._outbox is not None and tracker._outbox.delivery_status(tracker._store).state == "failing"
        )
    )
    log(tracker, 21, 21)
    begin = time.monotonic()
    tracker.close()
    assert time.monotonic() - begin < 30  # MLflow itself: 247 s
    assert lines[0].startswith(
        f"not recorded for now, kept in {tmp_path}/my run/outbox: no MLflow server answers"
    )
    assert lines[1].startswith(
        "not in MLflow yet: 21 points of curves and 2 other events (no MLflow server answers"
    )
    assert lines[1].endswith(f"`posenas deliver '{tmp_path}/my run'` brings them there")
    # the server has moved: everything goes to the new address, whatever became of the old one
    outbox = Outbox(tmp_path / "my run" / "outbox")
    outbox.readdress(store_name(NOBODY, "posenas"), store_name(uri, "posenas"))
    outbox.close()
    left = deliver(tmp_path / "my run" / "outbox", TrackingConfig(uri=uri)).left
    assert (left.total, left.refused) == (0, 0)
    assert points(uri, "away", "loss") == expected(21)
    assert run_of(uri, "away").info.status == "FINISHED"


@pytest.mark.slow
def test_a_server_killed_in_between_is_told_every_point_exactly_once(
    mlflow_server: MlflowServer, tmp_path: Path
) -> None:
    lines: list[str] = []
    tracker = opened(mlflow_server.uri, tmp_path / "run", lines, experiment="outage")
    tracker.start("outage", "outage", {"a": 1}, {})
    log(tracker, 1, 50)
    _until(
        lambda: (
            tracker._outbox is not None
            and tracker._outbox.delivery_status(tracker._store).state == "delivering"
        )
    )
    slowest = 0.0
    for step in range(51, 151):
        if step == 75:
            mlflow_server.kill()  # with points on their way
        begin = time.perf_counter()
        log(tracker, step, step)
        slowest = max(slowest, time.perf_counter() - begin)
        time.sleep(0.02)
    _until(
        lambda: (
            tracker._outbox is not None and tracker._outbox.delivery_status(tracker._store).state == "failing"
        )
    )
    tracker.log_table("sampled.csv", [{"a": 1}])
    mlflow_server.start()
    tracker.finish("finished")
    tracker.close()
    assert points(mlflow_server.uri, "outage", "loss", "outage") == expected(150)
    assert run_of(mlflow_server.uri, "outage", "outage").info.status == "FINISHED"
    assert slowest < 2  # a synchronous call to the dead server would have taken 4 s and more


def test_a_run_that_somebody_deleted_is_begun_anew(uri: str, tmp_path: Path) -> None:
    tracker = opened(uri, tmp_path)
    tracker.start("deleted", "deleted", {"a": 1}, {})
    log(tracker, 1, 2)
    tracker.close()
    client = connect(uri)
    client.delete_run(run_of(uri, "deleted").info.run_id)
    tracker = opened(uri, tmp_path)
    tracker._run_id = "deleted"
    log(tracker, 3, 3)
    tracker.close()
    assert points(uri, "deleted", "loss") == [(3, 1 / 3, 3000)]
    assert run_of(uri, "deleted").data.params == {"a": "1"}


def test_steps_repeated_after_a_crash_are_recorded_once(uri: str, tmp_path: Path) -> None:
    first = opened(uri, tmp_path)
    first.start("crash", "crash", {}, {})
    log(first, 1, 3)
    position = first.position()
    log(first, 4, 5)
    assert first._courier is not None
    assert first._courier.stdin is not None
    first._courier.stdin.close()  # what a courier sees of a driver that is killed
    again = opened(uri, tmp_path)
    again.start("crash", "crash", {}, {})
    again.rewind(position)
    log(again, 4, 6)
    again.finish("finished")
    again.close()
    assert [step for step, _, _ in points(uri, "crash", "loss")] == [1, 2, 3, 4, 5, 6]
    first._courier.wait(60)


def test_what_mlflow_refuses_is_said_and_holds_nothing_up(uri: str, tmp_path: Path) -> None:
    lines: list[str] = []
    tracker = opened(uri, tmp_path, lines)
    tracker.start("refused", "refused", {}, {})
    tracker.log_artifact(_file(tmp_path / "a.txt"), "../outside")
    log(tracker, 1, 1)
    tracker.log_artifact(tmp_path / "a.txt")
    tracker.close()
    assert points(uri, "refused", "loss") == expected(1)
    assert "not in MLflow yet: 0 points of curves and 1 other events (MLflow cannot use" in lines[-1]
    assert "Invalid artifact path: '../outside'" in lines[-1]
    assert len(MlflowTracker(uri)._client.list_artifacts(run_of(uri, "refused").info.run_id)) == 1


def test_a_courier_that_is_killed_is_replaced_and_nothing_doubles(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.tracking.durable._RESTART_SECONDS", 0.0)
    tracker = opened(uri, tmp_path)
    tracker.start("killed", "killed", {}, {})
    log(tracker, 1, 10)
    assert tracker._courier is not None
    tracker._courier.kill()
    tracker._courier.wait()
    log(tracker, 11, 20)
    tracker.close()
    assert points(uri, "killed", "loss") == expected(20)


def test_a_full_disk_stops_no_run_and_nothing_is_missing_afterwards(uri: str, small_disk: SmallDisk) -> None:
    lines: list[str] = []
    tracker = opened(uri, small_disk.place / "run", lines)
    tracker.start("full", "full", {}, {})
    small_disk.fill()
    for step in range(1, 300):  # what is left in the last block is soon used up
        tracker.log(step, {"loss": 1 / step}, timestamp=float(step))
    assert lines[0].startswith(f"not recorded for now, kept in {small_disk.place}/run/outbox: the outbox")
    small_disk.free()
    log(tracker, 300, 300)
    tracker.close()
    assert points(uri, "full", "loss") == expected(300)


def test_a_store_whose_disk_is_full_stops_no_run_and_has_everything_after_there_is_room(
    tmp_path: Path, small_disk: SmallDisk
) -> None:
    uri = f"sqlite:///{small_disk.place}/mlflow.db"
    lines: list[str] = []
    tracker = opened(uri, tmp_path / "run", lines, wait_seconds=0)
    tracker.start("store", "store", {}, {})
    _until(lambda: tracker._outbox is not None and tracker._outbox.backlog(tracker._store).total == 0)
    small_disk.fill()
    log(tracker, 1, 200)
    tracker.log_table("sampled.csv", [{"row": number} for number in range(10_000)])
    tracker.finish("finished")
    _until(
        lambda: (
            tracker._outbox is not None and tracker._outbox.delivery_status(tracker._store).state == "failing"
        )
    )
    tracker.close()
    assert "not in MLflow yet: " in lines[-1]
    small_disk.free()
    assert deliver(tmp_path / "run" / "outbox", TrackingConfig(uri=uri), patience=60).left.total == 0
    _whole(uri, "store")


def test_a_server_that_may_write_no_more_stops_no_run_and_has_everything_afterwards(
    mlflow_server: MlflowServer, tmp_path: Path
) -> None:
    tracker = opened(mlflow_server.uri, tmp_path, wait_seconds=120)
    tracker.start("server", "server", {}, {})
    _until(lambda: tracker._outbox is not None and tracker._outbox.backlog(tracker._store).total == 0)
    with mlflow_server.full():
        log(tracker, 1, 200)
        tracker.log_table("sampled.csv", [{"row": number} for number in range(10_000)])
        tracker.finish("finished")
        _until(
            lambda: (
                tracker._outbox is not None
                and tracker._outbox.delivery_status(tracker._store).state == "failing"
            )
        )
        assert tracker._outbox is not None
        assert tracker._outbox.backlog(tracker._store).total > 0
    tracker.close()
    _whole(mlflow_server.uri, "server")


def _whole(uri: str, run_id: str) -> None:
    assert points(uri, run_id, "loss") == expected(200)
    run = run_of(uri, run_id)
    assert run.info.status == "FINISHED"
    (file,) = MlflowTracker(uri)._client.list_artifacts(run.info.run_id)
    assert (file.path, file.file_size) == (
        "sampled.csv",
        len("row\n") + sum(len(f"{n}\n") for n in range(10_000)),
    )


def _search(uri: str, folder: Path, name: str) -> None:
    tracker = opened(uri, folder / name, wait_seconds=240)  # loading MLflow takes a minute on a busy machine
    tracker.start(name, name, {"name": name}, {})
    log(tracker, 1, 300)
    tracker.log_table("sampled.csv", [{"a": 1}])
    tracker.finish("finished")
    tracker.close()


def test_two_searches_at_once_on_one_sqlite_file_both_arrive_whole(uri: str, tmp_path: Path) -> None:
    context = get_context("spawn")
    names = ("left", "right")
    both = [context.Process(target=_search, args=(uri, tmp_path, name)) for name in names]
    for process in both:
        process.start()
    for process in both:
        process.join(600)
    assert [process.exitcode for process in both] == [0, 0]
    for name in names:
        assert points(uri, name, "loss") == expected(300)
        assert run_of(uri, name).info.status == "FINISHED"


@pytest.mark.slow
def test_a_record_in_postgresql_is_whole_after_the_database_was_away(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = postgres.new_database()
    tracker = opened(uri, tmp_path / "run", wait_seconds=60)
    tracker.start("pg", "pg", {"tracking.uri": uri}, {})
    log(tracker, 1, 20)
    _until(
        lambda: (
            tracker._outbox is not None
            and tracker._outbox.delivery_status(tracker._store).state == "delivering"
        )
    )
    postgres.stop()
    log(tracker, 21, 40)
    _until(
        lambda: (
            tracker._outbox is not None and tracker._outbox.delivery_status(tracker._store).state == "failing"
        )
    )
    postgres.start()
    tracker.log_artifact(_file(tmp_path / "a.txt"))
    tracker.finish("finished")
    tracker.close()
    assert points(uri, "pg", "loss") == expected(40)
    run = run_of(uri, "pg")
    assert (run.info.status, "***" in run.data.params["tracking.uri"]) == ("FINISHED", True)
    assert len(list((tmp_path / "mlartifacts").rglob("a.txt"))) == 1
    password = uri.split(":")[2].split("@")[0]
    for path in (tmp_path / "run").rglob("*"):
        assert not path.is_file() or password.encode() not in path.read_bytes(), path


def test_a_second_courier_waits_and_then_says_so(tmp_path: Path) -> None:
    with (
        sole_courier(tmp_path, 0),
        pytest.raises(BlockingIOError, match="another process is delivering from"),
    ):
        deliver(tmp_path, TrackingConfig(uri=NOBODY))


def _file(path: Path) -> Path:
    path.write_text("text")
    return path


def _until(condition: Any, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)
