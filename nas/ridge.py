"""Ridge regression of classes on many features, in closed form, its penalty chosen by leaving groups out.

With more features F than rows n everything is done on the n x n matrix of their products. The residuals that
each group would have if it were left out follow from the same matrix, without a second fit.

Source: Hoerl and Kennard 1970; leave-one-out residuals of a linear smoother H, e / (1 - h), by Golub, Heath
    and Wahba 1979, here by blocks: (I - H)_gg^-1 e_g.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.images import FloatArray, IntArray

__all__ = ["PENALTIES", "Ridge", "fit_ridge"]

PENALTIES = tuple(factor / 10_000 for factor in (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0))
"""Penalties a feature; accuracies are flat over most of them."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Ridge:
    """A linear classifier, one against the rest: +1 for the class of a row, -1 for the others.

    Attributes:
        mean, scale: float32 (F,), of the training rows; features are standardized by them.
        weights: float32 (F, K), of standardized features.
        intercept: float32 (K,).
        penalty: the one that was chosen.
        left_out: for each penalty, the share of scored rows that are right when their group is left out.
    """

    mean: FloatArray
    scale: FloatArray
    weights: FloatArray
    intercept: FloatArray
    penalty: float
    left_out: dict[float, float]

    def scores(self, features: FloatArray) -> FloatArray:
        """float32 (N, K), about +1 for the class and -1 for others, of features (N, F)."""
        standardized = (features - self.mean) / self.scale
        return np.asarray(standardized @ self.weights + self.intercept, np.float32)


def fit_ridge(
    features: FloatArray,
    labels: IntArray,
    num_classes: int,
    *,
    groups: Sequence[str] | None = None,
    scored: NDArray[np.bool_] | None = None,
    penalties: Sequence[float] | None = None,
    weights: FloatArray | None = None,
) -> Ridge:
    """Fit with the penalty whose squared error on the groups left out is smallest.

    min over W, b of sum_i w_i ||y_i - x_i W - b||^2 + penalty ||W||^2, X standardized, b without a penalty

    Args:
        features: float32 (n, F), finite.
        labels: int64 (n,), 0 to num_classes - 1.
        num_classes: K.
        groups: a name for each row; rows of one name are left out together. None: each row alone.
        scored: bool (n,), rows whose residuals count, as clips among their changed copies; None: all.
        penalties: to choose from; None: `PENALTIES` times F.
        weights: float32 (n,), positive; a row of weight 2 counts as two rows of its group. None: all 1.

    Raises:
        ValueError: shapes do not fit, there are fewer than two groups or no penalty, or one is not positive.
    """
    features = np.asarray(features, np.float32)
    n = len(features)
    names = (
        np.arange(n) if groups is None else np.unique([str(name) for name in groups], return_inverse=True)[1]
    )
    _check(features, labels, names, num_classes)
    candidates = [factor * features.shape[1] for factor in PENALTIES] if penalties is None else [*penalties]
    if not candidates or min(candidates) <= 0:
        raise ValueError(f"`penalties` are {candidates}; one or more positive numbers are needed")
    if weights is not None and (weights.shape != (n,) or not (weights > 0).all()):
        raise ValueError(f"`weights` have shape {weights.shape}; ({n},) positive numbers are needed")
    counted = np.ones(n, np.bool_) if scored is None else scored
    mean = _mean(features, weights).astype(np.float32)
    x = features - mean
    scale = np.sqrt(_mean(np.square(x), weights)).astype(np.float32)
    scale[scale == 0] = 1  # a feature that never changes says nothing
    x /= scale
    targets = np.where(labels[:, None] == np.arange(num_classes), 1.0, -1.0)
    intercept = _mean(targets, weights)
    root = np.ones(n) if weights is None else np.sqrt(weights.astype(np.float64))
    if weights is not None:
        x *= root[:, None].astype(np.float32)
    values, vectors = np.linalg.eigh((x @ x.T).astype(np.float64))
    values = np.maximum(values, 0)
    projected = vectors.T @ (root[:, None] * (targets - intercept))
    errors, accuracies = {}, {}
    for penalty in candidates:
        residuals = _left_out(values, vectors, projected, penalty, names, root)
        errors[penalty] = float(np.square(residuals[counted]).mean())
        right = (targets - residuals / root[:, None]).argmax(axis=1) == labels
        accuracies[penalty] = float(right[counted].mean())
    best = min(errors, key=errors.__getitem__)
    dual = vectors @ (projected / (values + best)[:, None])
    return Ridge(
        mean=mean,
        scale=scale,
        weights=x.T @ dual.astype(np.float32),
        intercept=intercept.astype(np.float32),
        penalty=best,
        left_out=accuracies,
    )


def _left_out(
    values: NDArray[np.float64],
    vectors: NDArray[np.float64],
    projected: NDArray[np.float64],
    penalty: float,
    groups: NDArray[np.intp],
    root: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(n, K) residuals of every row, times the root of its weight, by the fit without its group."""
    shrunk = penalty / (values + penalty)
    residuals = vectors @ (shrunk[:, None] * projected)
    # I - H of centered features; the mean that is fitted beside them takes 1 / n from every element.
    remaining = (vectors * shrunk) @ vectors.T - np.outer(root, root) / np.square(root).sum()
    left_out = np.empty_like(residuals)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        left_out[rows] = np.linalg.solve(remaining[np.ix_(rows, rows)], residuals[rows])
    return left_out


def _mean(values: NDArray[Any], weights: FloatArray | None) -> NDArray[np.float64]:
    """Of the rows."""
    if weights is None:
        return np.asarray(values.mean(axis=0, dtype=np.float64))
    # In the values' own precision: a copy of all features in another would double the memory of a fit.
    shares = (weights / weights.sum()).astype(values.dtype)
    return np.asarray(shares @ values, np.float64)


def _check(features: FloatArray, labels: IntArray, groups: NDArray[np.intp], num_classes: int) -> None:
    n = len(features)
    if features.ndim != 2 or labels.shape != (n,) or groups.shape != (n,):
        raise ValueError(
            f"features have shape {features.shape}, labels {labels.shape}, groups {groups.shape}; "
            "(n, F), (n,) and (n,) are needed"
        )
    if len(np.unique(groups)) < 2:
        raise ValueError("all rows are of one group; two groups or more are needed to leave one out")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}; {num_classes} classes need 0 to "
            f"{num_classes - 1}"
        )
