import subprocess
import sys
from pathlib import Path

import pytest

from cluster.tracking import run_list
from cluster.tracking.run_list import list_runs
from cluster.tracking.tracker import MlflowTracker
from postgres_server import PostgresServer

GENOTYPE = "0 0 1 4 0 0 1 4"
TAGS, METRICS = ("posenas.genotype", "posenas.data"), ("accuracy", "size")


def filled(uri: str, artifacts: str | None = None) -> str:
    """A store with two searches, one without cells, a child, a deleted one, and one of another experiment."""
    tracker = MlflowTracker(uri, "list", artifacts)
    for run_id, parent in (("one", ""), ("two", ""), ("child", "one"), ("gone", "")):
        tracker.start(
            run_id, f"name of {run_id}", {"a": 1}, {"posenas.genotype": GENOTYPE, "other": "x"}, parent
        )
        tracker.log(0, {"accuracy": 0.5}, 1.0)
        tracker.log(0, {"accuracy": 0.75, "loss": 1.0}, 2.0)
        tracker.finish("finished")
    tracker._client.delete_run(tracker.mlflow_run_id)
    tracker.start("no-cells", "no cells", {}, {"posenas.data": "msr"})
    MlflowTracker(uri, "elsewhere", artifacts).start("away", "away", {}, {"posenas.genotype": "g"})
    return uri


def check(uri: str) -> None:
    rows = sorted(list_runs(uri, "list", TAGS, METRICS), key=lambda row: row.name)
    assert [row.name for row in rows] == ["name of one", "name of two"]
    assert rows[0].tags == {"posenas.genotype": GENOTYPE}
    assert rows[0].metrics == {"accuracy": 0.75}
    assert rows[0].status == "finished"
    assert rows[0].artifacts.endswith(f"{rows[0].mlflow_run_id}/artifacts")
    assert list_runs(uri, "no such experiment", TAGS, METRICS) == []


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return filled(f"sqlite:///{tmp_path_factory.mktemp('list')}/mlflow.db")


def test_the_runs_of_a_database_are_listed_with_the_values_asked_for(uri: str) -> None:
    check(uri)


def test_mlflow_answers_the_same_where_its_tables_cannot_be_read(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_list, "_RUNS", "SELECT nothing FROM nowhere")
    check(uri)


def test_the_runs_of_a_postgresql_store_are_listed(postgres: PostgresServer, tmp_path: Path) -> None:
    check(filled(postgres.new_database(), str(tmp_path)))


def test_a_list_loads_neither_torch_nor_mlflow(uri: str) -> None:
    program = (
        "import sys; from cluster.cli import app;"
        "app(['cells', 'list', '--tracking', sys.argv[1], '--experiment', 'list'], standalone_mode=False);"
        "heavy = {'torch', 'mlflow', 'matplotlib', 'ray', 'sqlalchemy.orm'};"
        "sys.exit(', '.join(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program, uri], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
    assert len(done.stdout.splitlines()) == 3  # a heading and two searches


def test_a_store_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no MLflow store .*mlflow\.db yet"):
        list_runs(f"sqlite:///{tmp_path}/mlflow.db", "list", TAGS, METRICS)
