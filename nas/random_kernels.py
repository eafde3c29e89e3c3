"""Fixed random kernels over images, and a ridge on how often they respond: a classifier fitted in seconds.

Nothing in a kernel is learned. Its features are the shares of positions at which its response exceeds a
bias, over the whole clip and over each half, so that the order in time stays visible.

Source: in the manner of MiniRocket (Dempster, Schmidt and Webb, KDD 2021): nine taps of -1 and 2, biases
    that are quantiles of responses, shares of positive values, ridge. Ours are the sums of several rows of an
    image, the halves, and the windows.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nas.balance import class_weights
from nas.images import FloatArray, ImageSource, fixed_copies
from nas.kernels_config import KernelsConfig
from nas.random import generator
from nas.ridge import Ridge, fit_ridge

__all__ = [
    "KernelClassifier",
    "RandomKernels",
    "fit_kernels",
    "mixed",
]

TAPS, RAISED = 9, 3  # taps of a kernel in time, and how many of them are +2; the others are -1
MAX_ROWS = 7  # a kernel sums fewer rows than this
DILATIONS = 4
WINDOW = (3, 5)  # rows and columns of a window
BIAS_IMAGES = 16  # images whose responses give the biases
TEMPERATURE = 0.25  # of the softmax over a ridge's scores
BATCH = {"rows": 64, "windows": 8}  # images at a time: what they need stays near the processor


class RandomKernels:
    """The kernels of images of one shape, drawn from the seed alone; `biases` come from images.

    Args:
        config: how many, and how they read.
        image_shape: (channels, S, S), three channels an image.
        biases: float32 (images, 2, kernels) of an earlier `fit_biases`; None: not yet there.

    Raises:
        ValueError: the channels are no multiple of three, or the biases have another shape.
    """

    def __init__(
        self, config: KernelsConfig, image_shape: tuple[int, int, int], biases: FloatArray | None = None
    ) -> None:
        channels, height, _ = image_shape
        if channels % 3 or channels == 0:
            raise ValueError(f"images have {channels} channels; three for each image are needed")
        self.config, self.image_shape = config, image_shape
        make = _Rows if config.reading == "rows" else _Windows
        self._parts: list[_Rows | _Windows] = [
            make(config.kernels, height, generator(config.seed, "random kernels", number))
            for number in range(channels // 3)
        ]
        needed = (len(self._parts), 2, config.kernels)
        if biases is not None and biases.shape != needed:
            raise ValueError(f"biases have shape {biases.shape}; {needed} is needed")
        self.biases = biases

    def fit_biases(self, images: Tensor) -> None:
        """Two biases a kernel: quantiles, at random, of its responses to a few of the images.

        Args:
            images: float32 (N, channels, S, S).
        """
        rng = generator(self.config.seed, "biases")
        chosen = images[np.sort(rng.permutation(len(images))[:BIAS_IMAGES])]
        self.biases = np.stack([self._biases(part, one, rng) for part, one in self._split(chosen)])

    def _biases(self, part: "_Rows | _Windows", images: Tensor, rng: np.random.Generator) -> FloatArray:
        levels = rng.random((2, self.config.kernels)).astype(np.float32)
        batch = BATCH[self.config.reading]
        values = torch.cat([part.responses(images[i : i + batch]) for i in range(0, len(images), batch)])
        ordered = values.transpose(0, 1).flatten(1).sort(dim=1).values.numpy()  # (kernels, responses)
        places = np.minimum((levels * ordered.shape[1]).astype(np.intp), ordered.shape[1] - 1)
        biases: FloatArray = ordered[np.arange(len(ordered)), places]
        return biases

    def features(self, images: Tensor) -> FloatArray:
        """Shares of positions above the biases, float32 (N, F), of images float32 (N, channels, S, S).

        Raises:
            ValueError: the images have another shape, or there are no biases yet.
        """
        if tuple(images.shape[1:]) != self.image_shape:
            raise ValueError(
                f"images have shape {tuple(images.shape)}; these kernels need (N, "
                f"{', '.join(map(str, self.image_shape))})"
            )
        if self.biases is None:
            raise ValueError("the kernels have no biases yet; fit_biases takes them from images")
        columns = self.config.num_features(self.image_shape[0])
        features = np.empty((len(images), columns), np.float32)
        batch = BATCH[self.config.reading]
        for start in range(0, len(images), batch):
            parts = zip(self._split(images[start : start + batch]), self.biases, strict=True)
            rows = [self._shares(part.responses(one), biases) for (part, one), biases in parts]
            features[start : start + batch] = np.concatenate(rows, axis=1)
        return features

    def _split(self, images: Tensor) -> list[tuple["_Rows | _Windows", Tensor]]:
        """Each part with its image's three channels."""
        return list(zip(self._parts, torch.split(images, 3, dim=1), strict=True))

    def _shares(self, responses: Tensor, biases: FloatArray) -> FloatArray:
        """(n, 2 or 4 times kernels) of responses (n, kernels, ..., S); the last axis is time."""
        low, high = (
            (responses > torch.from_numpy(bias).view(-1, *[1] * (responses.ndim - 2))).float()
            for bias in biases
        )
        if low.ndim == 4:
            low, high = low.mean(dim=2), high.mean(dim=2)
        half = low.shape[-1] // 2
        shown = [low, high] + ([low[..., :half], high[..., half:]] if self.config.halves else [])
        return torch.cat([one.mean(dim=-1) for one in shown], dim=1).numpy()


class _Rows:
    """Kernels that sum a few rows of one color each, from anywhere, with random signs, along time."""

    def __init__(self, kernels: int, height: int, rng: np.random.Generator) -> None:
        series = 3 * height
        counts = np.floor(2 ** rng.uniform(0, np.log2(MAX_ROWS), kernels)).astype(np.intp)
        sums = np.zeros((kernels, series), np.float32)
        taps = np.full((kernels, TAPS), -1, np.float32)
        for kernel, count in enumerate(counts):
            chosen = rng.choice(series, min(count, series), replace=False)
            sums[kernel, chosen] = rng.choice([-1, 1], len(chosen))
            taps[kernel, rng.choice(TAPS, RAISED, replace=False)] = 2
        # Kernels of one dilation lie together, so that they are computed together.
        dilations = np.sort(rng.integers(1, DILATIONS + 1, kernels))
        self._sums, self._taps = torch.from_numpy(sums), torch.from_numpy(taps)
        self._ends = [int(np.searchsorted(dilations, one, side="right")) for one in range(DILATIONS + 1)]

    def responses(self, images: Tensor) -> Tensor:
        """(n, kernels, S) of images (n, 3, S, S)."""
        sums = self._sums @ images.flatten(1, 2)
        width = sums.shape[-1]
        responses = torch.zeros_like(sums)
        for dilation in range(1, DILATIONS + 1):
            start, end = self._ends[dilation - 1 : dilation + 1]
            if start == end:
                continue
            reach = dilation * (TAPS // 2)
            padded = F.pad(sums[:, start:end], (reach, reach), mode="replicate")
            for tap in range(TAPS):
                shifted = padded[..., tap * dilation : tap * dilation + width]
                responses[:, start:end].addcmul_(shifted, self._taps[start:end, tap, None])
        return responses


class _Windows:
    """Kernels over small windows of all colors, normal weights less their mean."""

    def __init__(self, kernels: int, height: int, rng: np.random.Generator) -> None:
        del height
        weights = rng.standard_normal((kernels, 3, *WINDOW), dtype=np.float32)
        self._weights = torch.from_numpy(weights - weights.mean(axis=(1, 2, 3), keepdims=True))

    def responses(self, images: Tensor) -> Tensor:
        """(n, kernels, S, S) of images (n, 3, S, S)."""
        up, side = (length // 2 for length in WINDOW)
        return F.conv2d(F.pad(images, (side, side, up, up), mode="replicate"), self._weights)


@dataclass(frozen=True, eq=False)
class KernelClassifier:
    """Kernels with biases, and the ridge on their features."""

    kernels: RandomKernels
    ridge: Ridge

    def scores(self, images: Tensor) -> FloatArray:
        """float32 (N, K) of images float32 (N, channels, S, S)."""
        return self.ridge.scores(self.kernels.features(images))

    def probabilities(self, images: Tensor) -> FloatArray:
        """Softmax of the scores over 0.25, float32 (N, K), to be mixed with a network's."""
        scores = torch.from_numpy(self.scores(images)).double() / TEMPERATURE
        return torch.softmax(scores, dim=1).float().numpy()


def fit_kernels(
    source: ImageSource, config: KernelsConfig, groups: NDArray[np.str_] | None = None
) -> KernelClassifier:
    """Fit biases and ridge to images and their changed copies.

    Args:
        source: N training images; its augmentation makes the copies.
        config: how.
        groups: a name for each image, as the person's; the penalty is chosen by leaving out one name after
            the other, copies and all. None: one image after the other.

    Raises:
        KernelsTooLargeError: the fit needs more memory than it may.
        ValueError: `groups` has another length or one name alone.
    """
    N = len(source.labels)
    config.check_memory(N, source.image_shape[0])
    names = np.arange(N).astype(np.str_) if groups is None else groups
    known = fixed_copies(source, config.copies + 1, config.seed)
    images = torch.from_numpy(known.images)
    kernels = RandomKernels(config, source.image_shape)
    kernels.fit_biases(images[:N])
    ridge = fit_ridge(
        kernels.features(images),
        known.labels,
        source.num_classes,
        groups=np.tile(names, config.copies + 1).tolist(),
        scored=np.arange(len(images)) < N,
        penalties=config.penalties(source.image_shape[0]),
        weights=class_weights(known.labels, source.num_classes)[known.labels]
        if config.class_weights == "balanced"
        else None,
    )
    return KernelClassifier(kernels, ridge)


def mixed(network: FloatArray, kernels: FloatArray) -> FloatArray:
    """Probabilities of a committee of networks and kernels, half each, both (N, K)."""
    return np.asarray((network + kernels) / 2, np.float32)
