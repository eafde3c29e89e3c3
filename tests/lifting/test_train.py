"""The training of one stream: it learns, depends on the seed alone, and is taken up exactly."""

import dataclasses

import numpy as np
import pytest
import torch

from lifting.datasets.pairs import PairClip, PosePairs
from lifting.model import LifterConfig
from lifting.normalize import NormalizationConfig
from lifting.skeleton import H36M_17
from lifting.train import LifterTraining, LifterTrainingConfig, training_samples

SMALL = LifterConfig(width=64, blocks=1, dropout=0.1, activation="relu")
ROOT = NormalizationConfig(kind="root")


def made_up(frames: int = 400, seed: int = 0, noise: float = 4.0) -> PosePairs:
    """Poses of three degrees of freedom, seen from 4 m by a camera of 1000 pixels focal length."""
    shape = np.random.default_rng(99)
    rest, ways = shape.normal(0, 300, (17, 3)), shape.normal(0, 120, (3, 17, 3))
    draw = np.random.default_rng(seed)
    xyz = rest + np.einsum("nk,kjc->njc", draw.normal(size=(frames, 3)), ways)
    poses = xyz - xyz[:, :1]
    depth = poses[..., 2:] + 4000
    true = poses[..., :2] / depth * 1000 + np.array([500, 500])
    clip = PairClip(name=f"clip {seed}", subject="1", action="", camera="1", fps=30, image_size=(1000, 1000))
    return PosePairs(
        keypoints=true + draw.normal(0, noise, true.shape),
        confidence=np.ones(true.shape[:2], np.float32),
        true_keypoints=true,
        poses=poses.astype(np.float32),
        clip=np.zeros(frames, np.int64),
        clips=(clip,),
        keypoint_skeleton=H36M_17,
        pose_skeleton=H36M_17,
    )


def training(**settings: object) -> LifterTraining:
    config = LifterTrainingConfig.model_validate({"batch_size": 32, "epochs": 12, **settings})
    return LifterTraining(config, SMALL, ROOT, made_up(), made_up(100, seed=1))


def run(task: LifterTraining, epochs: int) -> list[dict[str, float]]:
    return [task.run_epoch() for _ in range(epochs)]


@pytest.mark.parametrize("loss", ["huber", "mse", "l1", "mpjpe"])
def test_every_loss_leads_far_below_the_mean_pose(loss: str) -> None:
    rows = run(training(loss=loss, stream="gt"), 12)
    mean_pose = float(
        np.linalg.norm(made_up(100, seed=1).poses - made_up().poses.mean(axis=0), axis=2).mean()
    )
    assert rows[-1]["validation_p1"] < 0.4 * mean_pose
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert rows[-1]["epoch"] == 12


def test_the_error_of_validation_is_the_mean_distance_in_millimeters() -> None:
    task = training(stream="gt")
    reported = task.run_epoch()["validation_p1"]
    validation = made_up(100, seed=1)
    samples = training_samples(validation, "gt")
    features = torch.from_numpy(task.keypoints.features(samples.xy, samples.confidence))
    with torch.inference_mode():
        predicted = task.joints.poses(task.network(features).numpy())
    assert reported == pytest.approx(np.linalg.norm(predicted - validation.poses, axis=2).mean(), rel=1e-5)


def test_a_training_taken_up_equals_one_that_never_stopped() -> None:
    settings = {"hide_keypoints": 0.1, "mirror": True}
    straight, first = training(**settings), training(**settings)
    expected = run(straight, 4)
    run(first, 2)
    second = training(**settings)
    second.load_state_dict(first.state_dict())
    assert run(second, 2) == expected[2:]
    for name, value in straight.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name]), name


@pytest.mark.parametrize(("name", "stored"), [("float32", "fp32"), ("bfloat16", "bf16"), ("bf16", "bf16")])
def test_precision_has_the_names_that_a_search_has(name: str, stored: str) -> None:
    assert LifterTrainingConfig.model_validate({"precision": name}).precision == stored


def test_another_seed_gives_other_weights_and_another_order() -> None:
    assert run(training(), 1) != run(training(seed=1), 1)


def test_streams_see_their_own_keypoints() -> None:
    pairs = made_up()
    np.testing.assert_array_equal(training_samples(pairs, "gt").xy, pairs.true_keypoints)
    np.testing.assert_array_equal(training_samples(pairs, "detected").xy, pairs.keypoints)


def test_the_rate_is_halved_every_50_epochs() -> None:
    config = LifterTrainingConfig()
    rates = [config.rate(epoch, 1) for epoch in (0, 49, 50, 149, 299)]
    assert rates == [1e-3, 1e-3, 5e-4, 2.5e-4, 3.125e-5]


def test_the_rate_of_martinez_falls_by_four_percent_in_100000_steps() -> None:
    config = LifterTrainingConfig.preset("martinez")
    # epochs of 25,000 steps: 4 of them are 100,000
    rates = [config.rate(epoch, 25_000) for epoch in (0, 2, 4, 8)]
    assert rates == pytest.approx([1e-3, 1e-3 * 0.96**0.5, 9.6e-4, 9.216e-4])


def test_an_epoch_sees_every_pair_once_but_for_the_rest_of_a_batch() -> None:
    task = training()
    assert task.num_steps == 12  # 400 // 32
    rows = torch.cat(task._batches(np.random.default_rng(0)))
    assert len(rows) == len(rows.unique()) == 12 * 32


def test_an_epoch_can_be_longer_or_shorter_than_the_training_part() -> None:
    task = training(steps_per_epoch=30)
    rows = torch.cat(task._batches(np.random.default_rng(0)))
    assert len(rows) == 30 * 32
    assert rows.bincount().max() - rows.bincount().min() <= 1


def test_fewer_pairs_than_a_batch_make_one_batch() -> None:
    config = LifterTrainingConfig(batch_size=128, epochs=1)
    task = LifterTraining(config, SMALL, ROOT, made_up(20))
    assert task.num_steps == 1
    assert np.isfinite(task.run_epoch()["loss"])


def test_a_mirrored_pair_exchanges_left_and_right_in_the_image_and_in_space() -> None:
    pairs = made_up(1)
    samples = training_samples(pairs, "gt", mirrored=True)
    assert samples.xy.shape[0] == 2
    left, right = H36M_17.joints.index("left_wrist"), H36M_17.joints.index("right_wrist")
    x, y = pairs.true_keypoints[0, right]
    assert samples.xy[1, left].tolist() == [1000 - x, y]
    X, Y, Z = pairs.poses[0, right]
    assert samples.poses[1, left].tolist() == [-X, Y, Z]


def test_a_mirrored_network_input_is_the_projection_of_the_mirrored_pose() -> None:
    samples = training_samples(made_up(5), "gt", mirrored=True)
    poses = samples.poses[5:]
    projected = poses[..., :2] / (poses[..., 2:] + 4000) * 1000 + 500
    np.testing.assert_allclose(samples.xy[5:], projected, atol=1e-3)


def test_hidden_keypoints_are_at_the_mean_and_marked_as_not_seen() -> None:
    task = LifterTraining(
        LifterTrainingConfig(hide_keypoints=0.5),
        SMALL,
        NormalizationConfig(kind="root", inputs="xy_seen"),
        made_up(20),
    )
    from lifting.dropout import DropoutMasks

    shown = task._shown(DropoutMasks((0,)), 4)
    assert shown.shape == (4, 51)
    assert torch.equal(shown[:, 0:34:2], shown[:, 34:])
    assert torch.equal(shown[:, 1:34:2], shown[:, 34:])


def test_wild_keypoints_are_put_elsewhere_and_nothing_else_is() -> None:
    task = LifterTraining(
        LifterTrainingConfig(wild_keypoints=0.2),
        SMALL,
        NormalizationConfig(kind="root", inputs="xy_seen"),
        made_up(20),
    )
    features = torch.zeros(400, 51)
    wild = task._with_wild(features, np.random.default_rng(0))
    assert torch.equal(wild[:, 34:], features[:, 34:])  # what says which keypoints were seen
    moved = wild[:, :34].reshape(400, 17, 2).abs().amax(dim=2) > 0
    # a root that is put elsewhere, in a fifth of the frames, moves all others of its frame
    rooted = moved.all(dim=1)
    assert rooted.float().mean() == pytest.approx(0.2, abs=0.06)
    assert moved[~rooted].float().mean() == pytest.approx(0.2 * 16 / 17, abs=0.03)
    assert (features == 0).all()
    again = task._with_wild(features, np.random.default_rng(0))
    assert torch.equal(wild, again)


def test_place_and_size_of_the_person_are_never_hidden() -> None:
    task = LifterTraining(
        LifterTrainingConfig(hide_keypoints=0.5), SMALL, NormalizationConfig(kind="root_place"), made_up(20)
    )
    from lifting.dropout import DropoutMasks

    shown = task._shown(DropoutMasks((0,)), 40)
    assert shown.shape == (40, 37)
    assert shown[:, 34:].all()
    assert not shown[:, :34].all()


def test_bf16_learns_what_fp32_learns() -> None:
    full, half = run(training(stream="gt"), 8), run(training(stream="gt", precision="bf16"), 8)
    assert half[-1]["validation_p1"] == pytest.approx(full[-1]["validation_p1"], rel=0.15)


def test_frames_without_a_root_are_left_out_of_root_normalized_training() -> None:
    pairs = made_up(50)
    keypoints = pairs.keypoints.copy()
    keypoints[:10, H36M_17.root] = np.nan
    task = LifterTraining(
        LifterTrainingConfig(), SMALL, ROOT, dataclasses.replace(pairs, keypoints=keypoints)
    )
    assert task.num_pairs == 40


def test_a_training_part_without_any_root_joint_is_refused() -> None:
    pairs = made_up(50)
    keypoints = pairs.keypoints.copy()
    keypoints[:, H36M_17.root] = np.nan
    bad = dataclasses.replace(pairs, keypoints=keypoints)
    with pytest.raises(
        ValueError, match="none of 50 frames can be normalized: frame 0 lacks the root keypoint"
    ):
        LifterTraining(LifterTrainingConfig(), SMALL, ROOT, bad)


def test_a_training_that_diverges_says_so() -> None:
    task = training(learning_rate=1e30, loss="mse", halve_every=1)
    with pytest.raises(
        ValueError, match=r"the training loss is (nan|inf) in epoch 1; a lower `learning_rate`"
    ):
        task.run_epoch()


def test_the_state_of_another_network_is_refused() -> None:
    other = LifterTraining(LifterTrainingConfig(), LifterConfig(width=32), ROOT, made_up(40))
    with pytest.raises(ValueError, match="the training state is of another network"):
        other.load_state_dict(training().state_dict())


def test_training_beyond_the_last_epoch_is_refused() -> None:
    task = training(epochs=1)
    task.run_epoch()
    with pytest.raises(ValueError, match="all 1 epochs are done"):
        task.run_epoch()
