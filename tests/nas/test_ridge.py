"""The ridge: against fits without each group, and as numpy solves it."""

from typing import Any

import numpy as np
import pytest

from nas.ridge import PENALTIES, Ridge, fit_ridge


def data(n: int = 24, features: int = 40, classes: int = 3) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    labels = np.arange(n) % classes
    return rng.normal(size=(n, features)).astype(np.float32) + labels[:, None] / 3, labels


def solved(x: Any, y: Any, penalty: float) -> tuple[Any, Any]:
    """Weights and intercept by the normal equations; the intercept has no penalty."""
    centered = x - x.mean(axis=0)
    weights = np.linalg.solve(
        centered.T @ centered + penalty * np.eye(x.shape[1]), centered.T @ (y - y.mean(axis=0))
    )
    return weights, y.mean(axis=0) - x.mean(axis=0) @ weights


def fit(x: Any, labels: Any, **options: Any) -> Ridge:
    return fit_ridge(x, labels, 3, **options)


@pytest.mark.parametrize("features", [5, 40])
def test_scores_are_those_of_the_normal_equations(features: int) -> None:
    x, labels = data(features=features)
    ridge = fit(x, labels, penalties=[7.0])
    standard = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float64)
    weights, intercept = solved(standard, np.where(labels[:, None] == np.arange(3), 1.0, -1.0), 7.0)
    np.testing.assert_allclose(ridge.scores(x), standard @ weights + intercept, atol=2e-4)


@pytest.mark.parametrize("groups", [None, [str(row % 5) for row in range(24)]])
def test_left_out_accuracies_are_those_of_fits_without_each_group(groups: list[str] | None) -> None:
    x, labels = data()
    names = np.array(groups or [str(row) for row in range(24)])
    standard = ((x - x.mean(axis=0)) / x.std(axis=0)).astype(np.float64)
    targets = np.where(labels[:, None] == np.arange(3), 1.0, -1.0)
    errors = {}
    ridge = fit(x, labels, groups=groups, penalties=[0.5, 5.0, 50.0])
    for penalty in (0.5, 5.0, 50.0):
        residuals, right = [], []
        for name in dict.fromkeys(names.tolist()):
            out = names == name
            weights, intercept = solved(standard[~out], targets[~out], penalty)
            scores = standard[out] @ weights + intercept
            residuals.append(targets[out] - scores)
            right += (scores.argmax(axis=1) == labels[out]).tolist()
        errors[penalty] = np.square(np.concatenate(residuals)).mean()
        assert ridge.left_out[penalty] == pytest.approx(np.mean(right))
    assert ridge.penalty == min(errors, key=lambda penalty: errors[penalty])


def test_only_scored_rows_choose_the_penalty() -> None:
    x, labels = data()
    wrong = labels.copy()
    wrong[12:] = (wrong[12:] + 1) % 3
    scored = np.arange(24) < 12
    ridge = fit(x, wrong, scored=scored)
    assert list(ridge.left_out) == pytest.approx([40 * factor for factor in PENALTIES])
    assert all(round(12 * share, 6) == round(12 * share) for share in ridge.left_out.values())


def test_a_feature_that_never_changes_says_nothing() -> None:
    x, labels = data()
    ridge = fit(np.concatenate([x, np.full((24, 1), 9, np.float32)], axis=1), labels, penalties=[3.0])
    assert np.array_equal(ridge.weights[-1], np.zeros(3))
    np.testing.assert_allclose(ridge.weights[:-1], fit(x, labels, penalties=[3.0]).weights, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"penalties": []}, "one or more positive numbers"),
        ({"penalties": [0.0]}, "one or more positive numbers"),
        ({"groups": ["one"] * 24}, "all rows are of one group; two groups or more are needed"),
        ({"groups": ["one", "two"]}, r"groups \(2,\)"),
    ],
)
def test_what_cannot_be_fitted_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(*data(), **options)


def test_a_label_beyond_the_classes_is_refused() -> None:
    x, labels = data()
    with pytest.raises(ValueError, match="labels run from 0 to 2; 2 classes need 0 to 1"):
        fit_ridge(x, labels, 2)


def test_a_weight_of_two_is_a_row_that_comes_twice() -> None:
    x, labels = data()
    groups = [str(row % 5) for row in range(24)]
    weights = np.where(np.arange(24) % 4 == 0, 2, 1).astype(np.float32)
    twice = np.repeat(np.arange(24), weights.astype(int))
    weighted = fit(x, labels, groups=groups, weights=weights, penalties=[5.0, 50.0])
    repeated = fit(x[twice], labels[twice], groups=[groups[row] for row in twice], penalties=[5.0, 50.0])
    assert weighted.penalty == repeated.penalty
    np.testing.assert_allclose(weighted.scores(x), repeated.scores(x), atol=2e-4)
    for penalty, share in weighted.left_out.items():  # of the rows, each once
        names = np.array(groups)
        right = []
        for name in dict.fromkeys(groups):
            out = names == name
            kept = twice[~out[twice]]
            mean, std = x[twice].mean(axis=0), x[twice].std(axis=0)
            standard = ((x - mean) / std).astype(np.float64)
            found, intercept = solved(
                standard[kept], np.where(labels[kept, None] == np.arange(3), 1.0, -1.0), penalty
            )
            right += ((standard[out] @ found + intercept).argmax(axis=1) == labels[out]).tolist()
        assert share == pytest.approx(np.mean(right))
    ones = np.ones(24, np.float32)
    np.testing.assert_allclose(fit(x, labels, weights=ones).scores(x), fit(x, labels).scores(x), atol=1e-4)
    with pytest.raises(ValueError, match=r"`weights` have shape \(3,\); \(24,\) positive"):
        fit(x, labels, weights=ones[:3])
