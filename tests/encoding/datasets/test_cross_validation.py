"""Cross-validation: every person is tested once, and never learned from in the same split."""

import pytest

from encoding.datasets import DataConfig, load

DATA = {"name": "synthetic", "num_subjects": 5, "clips_per_action": 1}


def parts(count: int, **settings: object) -> list[set[int]]:
    with pytest.raises(ValueError, match=f"test_part is {count + 1}; protocol .* makes {count} parts"):
        load(DataConfig.model_validate({**DATA, **settings, "test_part": count + 1}))
    found = []
    for number in range(1, count + 1):
        split = load(DataConfig.model_validate({**DATA, **settings, "test_part": number}))
        tested = {clip.subject for clip in split.test}
        assert not tested & {clip.subject for clip in split.development}
        assert len(split.clips) == 50
        found.append({subject for subject in tested if subject is not None})
    return found


def test_every_subject_is_left_out_once() -> None:
    assert parts(5, protocol="leave-one-subject-out") == [{1}, {2}, {3}, {4}, {5}]


def test_folds_share_the_subjects_and_another_repeat_shares_them_otherwise() -> None:
    two = parts(2, protocol="folds-by-subject", folds=2)
    assert sorted(map(len, two)) == [2, 3]
    assert set.union(*two) == {1, 2, 3, 4, 5}
    assert any(parts(2, protocol="folds-by-subject", folds=2, repeat=n) != two for n in (1, 2, 3))


def test_clips_without_a_group_cannot_be_divided_by_it() -> None:
    with pytest.raises(ValueError, match="names no group; every clip needs one"):
        load(DataConfig.model_validate({**DATA, "protocol": "leave-one-group-out"}))
    with pytest.raises(ValueError, match="folds is 6, and there are 5 to divide"):
        load(DataConfig.model_validate({**DATA, "protocol": "folds-by-subject", "folds": 6}))


def test_the_label_tells_the_parts_apart_and_a_foreign_protocol_is_refused() -> None:
    config = DataConfig.model_validate({**DATA, "protocol": "leave-one-subject-out", "test_part": 3})
    assert config.label == "synthetic-part3"
    with pytest.raises(ValueError, match="protocol='one-third' is for the data set 'msr'"):
        DataConfig.model_validate({**DATA, "protocol": "one-third"})
    with pytest.raises(ValueError, match="test_part is 2, and protocol 'cross-subject' has one test part"):
        DataConfig.model_validate({**DATA, "test_part": 2})
