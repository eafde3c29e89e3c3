"""How fast a stream of the lifter trains and lifts, beside the matrix products that it cannot do without.

    python benchmarks/lift_speed.py [--threads 1] [--rounds 40] [--steps 1500]

Everything is timed in one run, turn about, so that ratios hold on a machine that is not quiet:

    floor       the matrix products of one training step alone, in fp32, on operands of their own
    peak        as many operations as products of one size that stays in the cache
    step        a whole training step of the paper's network (batch 128): fp32, and bf16
    lift        one frame through the exported network (onnxruntime), the same with weights of 8 bits and
                with 512 units, and through torch
    memory      reading as many bytes as the network has: less than that no frame can take

Times are CPU time, which waiting for a busy core does not count (with several threads: time on the clock).

Then the paper's network is trained for --steps steps on the same synthetic pairs, in fp32 and in bf16 with
two seeds each, and the validation errors are printed beside each other.
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from lifting.datasets import LiftingDataConfig, PosePairs, load_pairs
from lifting.export import in_eight_bits, save_onnx
from lifting.model import Lifter, LifterConfig
from lifting.normalize import NormalizationConfig
from lifting.train import LifterTraining, LifterTrainingConfig

BATCH, WIDTH = 128, 1024
FLOP = 2 * BATCH * (2 * 34 * WIDTH + 3 * 4 * WIDTH * WIDTH + 3 * 48 * WIDTH)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=40, help="of every measurement, turn about")
    parser.add_argument("--steps", type=int, default=1500, help="of the trainings that are compared; 0: none")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{processor()}, {os.cpu_count()} cores, torch {torch.__version__}, {options.threads} thread(s)")
    split = load_pairs(LiftingDataConfig(name="synthetic"))
    times = measure(split.train, options.rounds, options.threads)
    report(times)
    if options.steps:
        compare_precision(split.train, split.validation, options.steps)


def measure(pairs: PosePairs, rounds: int, threads: int) -> dict[str, np.ndarray]:
    """Milliseconds of every round, by name."""
    clock = time.process_time if threads == 1 else time.perf_counter
    work = {
        "peak": peak(),
        "floor": floor(),
        "step fp32": step(pairs, "fp32"),
        "step bf16": step(pairs, "bf16"),
    }
    with tempfile.TemporaryDirectory() as place:
        work |= lifting(Path(place), threads)
        times: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(rounds + 3):
            for name, once in work.items():
                begin = clock()
                once()
                times[name].append(1000 * (clock() - begin))
    return {name: np.array(values[3:]) for name, values in times.items()}


def floor() -> Callable[[], None]:
    """The products of forward and backward pass, each on memory of its own, results into kept memory."""
    draw = torch.Generator().manual_seed(0)
    shapes = [(34, WIDTH), *[(WIDTH, WIDTH)] * 4, (WIDTH, 48)]
    x = [torch.randn(BATCH, inputs, generator=draw) for inputs, _ in shapes]
    gradient = [torch.randn(BATCH, outputs, generator=draw) for _, outputs in shapes]
    weight = [torch.randn(outputs, inputs, generator=draw) for inputs, outputs in shapes]
    forward = [torch.empty(BATCH, outputs) for _, outputs in shapes]
    to_input = [torch.empty(BATCH, inputs) for inputs, _ in shapes]
    to_weight = [torch.empty(outputs, inputs) for inputs, outputs in shapes]

    def once() -> None:
        for layer, w in enumerate(weight):
            torch.mm(x[layer], w.t(), out=forward[layer])
            torch.mm(gradient[layer].t(), x[layer], out=to_weight[layer])
            if layer:  # nobody asks for the gradient of the keypoints
                torch.mm(gradient[layer], w, out=to_input[layer])

    return once


def peak() -> Callable[[], None]:
    """As many operations as `floor`, in products whose operands stay in the cache."""
    size = 512
    a, b, c = torch.randn(size, size), torch.randn(size, size), torch.empty(size, size)
    times = round(FLOP / (2 * size**3))
    return lambda: [torch.mm(a, b, out=c) for _ in range(times)] and None


def step(pairs: PosePairs, precision: str) -> Callable[[], None]:
    """One training step of the paper's network, as the trainer does it."""
    config = LifterTrainingConfig.preset("paper", precision=precision, epochs=10**6, steps_per_epoch=1)
    training = LifterTraining(config, LifterConfig.preset("paper"), NormalizationConfig(), pairs)
    training.run_epoch()
    # an epoch of one step would time the shuffling of all pairs as well
    from lifting.dropout import DropoutMasks

    rows = training._batches(np.random.default_rng(0))[0]
    masks = DropoutMasks((0,))
    return lambda: training._step(rows, masks, None) and None


def lifting(place: Path, threads: int) -> dict[str, Callable[[], None]]:
    """One frame through one stream."""
    import onnxruntime

    def network(width: int) -> Lifter:
        config = LifterConfig.preset("paper", width=width)
        return Lifter(34, 48, config, torch.Generator().manual_seed(0)).eval()

    def frames(model: bytes) -> Callable[[], None]:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return lambda: [session.run(None, {"keypoints": frame.numpy()}) for _ in range(20)] and None

    def with_torch() -> None:
        with torch.inference_mode():
            for _ in range(20):
                whole(frame)

    whole, frame = network(WIDTH), torch.randn(1, 34)
    save_onnx(whole, place / "whole.onnx")
    save_onnx(network(512), place / "512.onnx")
    weights = torch.randn(sum(parameter.numel() for parameter in whole.parameters()))
    return {
        "20 frames onnx": frames((place / "whole.onnx").read_bytes()),
        "20 frames int8": frames(in_eight_bits(place / "whole.onnx")),
        "20 frames onnx 512": frames((place / "512.onnx").read_bytes()),
        "20 frames torch": with_torch,
        "20 frames memory": lambda: [weights.sum() for _ in range(20)] and None,
    }


def report(times: dict[str, np.ndarray]) -> None:
    """Medians and best, and the ratios that are asked for."""
    print(f"\n{'':18}{'best':>9}{'median':>9}   ms")
    for name, values in times.items():
        print(f"{name:18}{values.min():9.2f}{np.median(values):9.2f}")
    for which in ("floor", "peak"):
        rate = FLOP / times[which].min() / 1e6
        print(f"\n{which}: {rate:.0f} GFLOP/s of {FLOP / 1e9:.2f} GFLOP")
        for precision in ("step fp32", "step bf16"):
            # of each round's own floor: a disturbance hits both
            ratio = np.median(times[precision] / times[which])
            best = times[precision].min() / times[which].min()
            print(f"{precision} over {which}: {best:.2f} (best), {ratio:.2f} (median of the rounds)")
    for name in ("onnx", "int8", "onnx 512", "torch", "memory"):
        values = times[f"20 frames {name}"] / 20
        print(
            f"one frame, one stream, {name}: {values.min():.3f} (best), {np.median(values):.3f} (median) ms"
        )


def compare_precision(train: PosePairs, validation: PosePairs, steps: int) -> None:
    """Validation errors of the same training in both precisions."""
    print(f"\nafter {steps} steps on synthetic pairs, detected stream, paper's network, seeds 0 and 1:")
    for precision in ("fp32", "bf16"):
        errors, begin = [], time.process_time()
        for seed in (0, 1):
            config = LifterTrainingConfig.preset(
                "paper", precision=precision, epochs=1, steps_per_epoch=steps, seed=seed
            )
            training = LifterTraining(
                config, LifterConfig.preset("paper"), NormalizationConfig(), train, validation
            )
            errors.append(training.run_epoch()["validation_p1"])
        seconds = (time.process_time() - begin) / 2
        print(f"{precision}: validation P1 {errors[0]:.1f} and {errors[1]:.1f} mm, {seconds:.0f} CPU s each")


def processor() -> str:
    """The processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
