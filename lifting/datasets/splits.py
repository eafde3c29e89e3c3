"""Which recordings train, which choose, which are reported."""

from collections.abc import Sequence

import numpy as np

from lifting.datasets.mocap import Recording

Parts = dict[str, tuple[Recording, ...]]


def by_subject_and_clip(
    recordings: Sequence[Recording],
    *,
    test_subjects: Sequence[str],
    test_fraction: float,
    validation_fraction: float,
    seed: int,
) -> Parts:
    """Two test parts: clips of people that were seen in training, and people that were not.

    Args:
        recordings: all there are.
        test_subjects: people of whom no clip is trained on or chosen by.
        test_fraction: share of the others' clips for the part "held-out clips".
        validation_fraction: share of the others' clips for validation.
        seed: of the draw.

    Returns:
        train, validation, "held-out clips", "held-out subject".

    Raises:
        ValueError: a test subject is not there, or too few clips are left for a part.
    """
    subjects = tuple(dict.fromkeys(recording.subject for recording in recordings))
    unknown = [subject for subject in test_subjects if subject not in subjects]
    if unknown:
        raise ValueError(f"no clip is of subject {unknown[0]!r}; there are {', '.join(subjects)}")
    others = [recording for recording in recordings if recording.subject not in test_subjects]
    order = np.random.default_rng(seed).permutation(len(others))
    num_test = max(1, round(test_fraction * len(others)))
    num_validation = max(1, round(validation_fraction * len(others)))
    if num_test + num_validation >= len(others) or len(others) == len(recordings):
        raise ValueError(
            f"{len(others)} clips of other people than {', '.join(test_subjects) or 'no one'}, of "
            f"{len(recordings)}; at least 1 each to train, to choose and to test, and a test subject, are "
            f"needed"
        )
    held = {int(n): "held-out clips" for n in order[:num_test]}
    held |= {int(n): "validation" for n in order[num_test : num_test + num_validation]}
    return {
        "train": tuple(recording for n, recording in enumerate(others) if n not in held),
        "validation": tuple(recording for n, recording in enumerate(others) if held.get(n) == "validation"),
        "held-out clips": tuple(
            recording for n, recording in enumerate(others) if held.get(n) == "held-out clips"
        ),
        "held-out subject": tuple(
            recording for recording in recordings if recording.subject in test_subjects
        ),
    }
