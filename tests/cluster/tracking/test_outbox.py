import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.tracking.outbox import Backlog, DeliveryStatus, Outbox
from small_disk import SmallDisk

STORE = "sqlite:////tmp/mlflow.db\nposenas"


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


def told(outbox: Outbox, run_id: str = "run") -> list[tuple[str, object]]:
    return [(fact.kind, fact.content) for fact in outbox.next(STORE) if fact.run_id == run_id]


def test_facts_wait_in_the_order_in_which_they_were_told(outbox: Outbox) -> None:
    outbox.add(STORE, "run", "start", {"name": "a"})
    outbox.add_all(STORE, "run", "metrics", [("1 loss", 1), ("2 loss", 2)])
    outbox.add(STORE, "run", "finish", {"status": "finished"})
    assert told(outbox) == [
        ("start", {"name": "a"}),
        ("metrics", 1),
        ("metrics", 2),
        ("finish", {"status": "finished"}),
    ]


def test_a_fact_with_a_known_key_is_the_same_fact_delivered_or_not(outbox: Outbox) -> None:
    assert outbox.add(STORE, "run", "metrics", {"loss": 1}, "1 loss")
    assert not outbox.add(STORE, "run", "metrics", {"loss": 2}, "1 loss")
    outbox.delivered(outbox.next(STORE))
    assert not outbox.add(STORE, "run", "metrics", {"loss": 3}, "1 loss")
    assert told(outbox) == []
    assert outbox.add(STORE, "other run", "metrics", {"loss": 1}, "1 loss")
    assert outbox.add("another store", "run", "metrics", {"loss": 1}, "1 loss")


def test_facts_without_a_key_are_all_kept(outbox: Outbox) -> None:
    for _ in range(2):
        outbox.add(STORE, "run", "tags", {"tags": {"a": "b"}})
        outbox.add_all(STORE, "run", "metrics", [("", {"accuracy": 1})])
    assert len(told(outbox)) == 4


def test_rewinding_forgets_the_undelivered_points_after_a_position_and_nothing_else(outbox: Outbox) -> None:
    for step in (1, 2):
        outbox.add(STORE, "run", "metrics", {"step": step}, f"{step}")
    outbox.delivered(outbox.next(STORE))
    outbox.add(STORE, "run", "metrics", {"step": 3}, "3")
    outbox.add(STORE, "run", "tags", {"tags": {}})
    outbox.add(STORE, "other run", "metrics", {"step": 3}, "3")
    outbox.rewind("run", 1)
    assert [fact.content for fact in outbox.next(STORE)] == [{"tags": {}}, {"step": 3}]
    assert not outbox.add(STORE, "run", "metrics", {"step": 2}, "2")  # it was delivered: not again
    assert outbox.add(STORE, "run", "metrics", {"step": 3}, "3")


def test_a_fact_told_before_a_power_cut_is_there_after_it(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from cluster.tracking.outbox import Outbox;"
        f"Outbox(Path(sys.argv[1])).add({STORE!r}, 'run', 'tags', {{'a': 1}});"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    died = subprocess.run([sys.executable, "-c", program, str(tmp_path / "outbox")], check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL
    assert told(Outbox(tmp_path / "outbox")) == [("tags", {"a": 1})]


def test_what_waits_is_a_copy_that_goes_when_it_is_delivered(outbox: Outbox, tmp_path: Path) -> None:
    original = tmp_path / "cell.svg"
    original.write_text("old")
    outbox.add(STORE, "run", "file", {"copy": outbox.copy(original), "folder": ""})
    original.write_text("new")
    (fact,) = outbox.next(STORE)
    assert outbox.file(fact.content["copy"]).read_text() == "old"
    outbox.delivered([fact])
    assert list((outbox.folder / "files").iterdir()) == []


def test_what_is_refused_is_counted_kept_and_told_again_when_asked(outbox: Outbox) -> None:
    outbox.add(STORE, "run", "file", {"copy": outbox.write("a.csv", "a"), "folder": ""})
    outbox.add_all(STORE, "run", "metrics", [("1", 1), ("2", 2)])
    first, *_ = outbox.next(STORE)
    outbox.refuse(first, "too long")
    assert outbox.backlog(STORE) == Backlog(points=2, others=0, refused=1, reason="too long")
    assert outbox.file(first.content["copy"]).exists()
    outbox.reconsider(STORE)
    assert outbox.backlog(STORE) == Backlog(points=2, others=1, refused=0, reason="")


def test_a_new_address_is_told_everything_but_the_files_that_are_gone(outbox: Outbox) -> None:
    outbox.add(STORE, "run", "start", {})
    outbox.add(STORE, "run", "file", {"copy": outbox.write("a.csv", "a"), "folder": ""})
    outbox.delivered(outbox.next(STORE))
    outbox.add(STORE, "run", "tags", {})
    outbox.readdress(STORE, "new")
    assert outbox.stores() == ["new"]
    assert [fact.kind for fact in outbox.next("new")] == ["start", "tags"]


def test_a_damaged_outbox_is_moved_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    (tmp_path / "facts.db").write_bytes(b"this was a database once" * 100)
    outbox = Outbox(tmp_path)
    outbox.add(STORE, "run", "tags", {})
    assert len(told(outbox)) == 1
    (aside,) = tmp_path.glob("facts.db.damaged-*")
    assert aside.read_bytes().startswith(b"this was a database once")


def test_the_courier_writes_while_facts_are_told(outbox: Outbox) -> None:
    other = Outbox(outbox.folder)
    outbox.add(STORE, "run", "tags", {})
    other.delivered(other.next(STORE))
    other.tell(STORE, DeliveryStatus("failing", "no server"))
    outbox.add(STORE, "run", "tags", {"b": 1})
    assert outbox.delivery_status(STORE) == DeliveryStatus("failing", "no server")
    assert [fact.content for fact in other.next(STORE)] == [{"b": 1}]


def test_a_full_disk_keeps_what_was_told_and_takes_facts_again_when_there_is_room(
    small_disk: SmallDisk,
) -> None:
    outbox = Outbox(small_disk.place / "outbox")
    outbox.add(STORE, "run", "tags", {"number": 0})
    small_disk.fill()
    with pytest.raises(sqlite3.OperationalError, match="full"):
        outbox.add(STORE, "run", "tags", {"text": "x" * 100_000})
    small_disk.free()
    outbox.add(STORE, "run", "tags", {"number": 1})
    assert [json.dumps(fact.content) for fact in outbox.next(STORE)] == ['{"number": 0}', '{"number": 1}']
