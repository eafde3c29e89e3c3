"""The store of an older MLflow, made by MLflow's own migrations: every command says so, and what mends it."""

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner, Result

from cluster.cli import app
from cluster.tracking.mlflow_store import connect

THREE_ZERO = "6953534de441"  # the tables of MLflow 3.0
RUN = """
INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage)
    VALUES (1, 'posenas', 'mlartifacts', 'active');
INSERT INTO runs (run_uuid, name, status, start_time, lifecycle_stage, artifact_uri, experiment_id, user_id)
    VALUES ('0123', 'as1', 'FINISHED', 1000, 'active', 'mlartifacts/0123', 1, 'me');
INSERT INTO tags (key, value, run_uuid) VALUES ('posenas.genotype', '0 0 1 4 0 0 1 4', '0123');
"""


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A store with a search, as MLflow 3.0 would have left it."""
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    engine = create_engine(uri)
    Base.metadata.create_all(engine)
    command.upgrade(_get_alembic_config(uri), THREE_ZERO)
    with engine.begin() as connection:
        for statement in filter(str.strip, RUN.split(";")):
            connection.execute(text(statement))
    engine.dispose()
    return uri


def cells(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["cells", *arguments])


@pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")  # MLflow's own
def test_every_command_says_it_and_how_to_mend_it_and_then_works(uri: str, tmp_path: Path) -> None:
    exported = str(tmp_path / "network")
    for command in (["list"], ["show", "as1"], ["compare", "as1", "b"], ["export", "as1", "--out", exported]):
        answer = cells(*command, "--tracking", uri)
        assert answer.exit_code == 2
        said = f"the MLflow store {uri} was made by an older MLflow (its tables are of version {THREE_ZERO};"
        assert said in answer.output
    assert not (tmp_path / "network").exists()
    mending = re.search(r"copy it, then run `mlflow (.*?)`", answer.output)
    assert mending is not None
    subprocess.run(
        [sys.executable, "-m", "mlflow", *shlex.split(mending[1])], check=True, capture_output=True
    )
    assert "as1  0123" in cells("list", "--tracking", uri).output
    assert "sep_conv_3x3(cell before last)" in cells("show", "as1", "--tracking", uri).output


def test_a_store_whose_making_was_killed_is_made_anew(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    code = "import sys; from cluster.tracking.mlflow_store import connect; connect(sys.argv[1])"
    with subprocess.Popen([sys.executable, "-c", code, uri]) as maker:
        while not list(tmp_path.glob(".*mlflow.db")):
            assert maker.poll() is None
            time.sleep(0.01)
        maker.kill()
    assert not (tmp_path / "mlflow.db").exists()
    connect(uri).create_run("0")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlflow.db", "mlflow.db.lock"]
