"""Scores of a derivation that outlive the process."""

from pathlib import Path

import pytest

from cluster.stages.scores import KeptScores
from nas.genotype import Genotype
from nas.shards import ShardScore

FIRST, SECOND = Genotype.parse("0 0 1 4 0 4 1 4"), Genotype.parse("1 0 0 4 0 4 1 4")
SCORE = ShardScore(shard=1, loss=0.1 + 0.2, accuracy=1 / 3, num_images=3)


def test_scores_come_back_exactly_and_only_under_what_they_depend_on(tmp_path: Path) -> None:
    path = tmp_path / "derivation" / "scores.json"
    with KeptScores(path, {"weights": "a"}) as kept:
        kept.add(FIRST, SCORE)
        kept.add(SECOND, SCORE)
    assert KeptScores(path, {"weights": "a"}).scores == {FIRST: SCORE, SECOND: SCORE}
    assert KeptScores(path, {"weights": "b"}).scores == {}


def test_leaving_by_an_error_keeps_what_there_is_unless_nothing_can_be_written(tmp_path: Path) -> None:
    for error, left in ((KeyError("stopped"), 1), (OSError("full"), 0)):
        path = tmp_path / f"{left}.json"
        kept = KeptScores(path, {})
        kept.add(FIRST, SCORE)
        kept.__exit__(type(error), error, None)
        assert KeptScores(path, {}).count == left


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text("{")
    with pytest.raises(ValueError, match=r"scores.json is not readable as JSON"):
        KeptScores(tmp_path / "scores.json", {})
