"""Named settings of the lifter: network, normalization and training together."""

from typing import Any, Literal, get_args

__all__ = ["LifterPreset", "preset"]

LifterPreset = Literal["paper", "martinez", "best"]
Section = Literal["model", "normalization", "training"]

_PRESETS: dict[str, dict[Section, dict[str, Any]]] = {
    "paper": {},
    "martinez": {
        "model": {"activation": "relu", "dropout": 0.5, "max_norm": 1.0},
        "training": {"loss": "mse", "batch_size": 64, "epochs": 200, "decay": "exponential"},
    },
    "best": {
        "model": {
            "width": 512,
            "blocks": 3,
            "activation": "gelu",
            "dropout": 0.12,
            "residual": "activation_after",
        },
        "normalization": {"kind": "root"},
        "training": {"learning_rate": 3.7e-3, "hide_keypoints": 0.066},
    },
}


def preset(name: LifterPreset, section: Section) -> dict[str, Any]:
    """What a preset sets in one section; the rest stays at its default, which is the paper's.

    "paper" is Pham et al. 2019. "martinez" is Martinez et al. 2017: ReLU, dropout 0.5, squared error, batches
    of 64, weights of norm 1 at most, a rate that falls by 4 % in 100,000 steps. "best" is what
    tuning on CMU mocap found for detected keypoints in short trainings (docs/lifting_results.md).

    Raises:
        ValueError: no such preset.
    """
    if name not in _PRESETS:
        raise ValueError(f"lifter preset is {name!r}; one of {', '.join(get_args(LifterPreset))} is needed")
    return dict(_PRESETS[name].get(section, {}))
