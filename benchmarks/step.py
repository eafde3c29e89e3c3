"""How long a training step and a scoring step take, side by side with NNI's ENAS and a plain network.

    python benchmarks/step.py [--rounds 3] [--genotypes 2] [--threads 1 2]
    python benchmarks/step.py --preset small    # the sizes of that search, without NNI

Builds an environment of its own for NNI 3.0 (about a minute and 2 GB, once) in the user's cache. Every
contestant is a process; in each round all of them take one step in turn on the same genotype, so that
whatever else the machine does meets all alike. Batch 64, C = 20, 6 + 2 cells of 5 nodes, 32 x 32 images,
forward and backward (no update).

`ours` computes with one thread always, because other numbers of threads add in another order; two cores are
used by two workers. So on two threads two processes of ours step at the same time, and half of the slower
one's time is the time of a step.

The networks are not the same to the last layer: NNI's cells concatenate all five nodes and reduce with
strided operations, and it has no auxiliary head while searching.
"""

import argparse
import os
import platform
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch

from nas.genotype import Genotype
from nas.kernels.library import find_compiler
from nas.strategy import RandomStrategy

PEERS = Path(__file__).resolve().parent / "peers"
REQUIREMENTS = (
    "nni==3.0",
    "pytorch-lightning==2.0.9",
    "tianshou==0.5.1",
    "gym",
    "setuptools<81",
    f"torch=={torch.__version__.split('+')[0]}",
)
RELEASED = "0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1 1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1"
KINDS = ("train", "score")


class Contestant:
    """A process that takes steps when asked.

    Args:
        name: in the table.
        command: starts it.
        copies: so many processes step at the same time.
    """

    def __init__(self, name: str, command: Sequence[str], copies: int = 1) -> None:
        self.name, self.copies = name, copies
        self._processes = [
            subprocess.Popen(
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environment()
            )
            for _ in range(copies)
        ]

    def step(self, kind: str, genotype: Genotype) -> tuple[float, float]:
        """Seconds of one step: wall and processor time, each divided by how many step at once."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{kind}\t{genotype}\n")
            process.stdin.flush()
        answers = []
        for process in self._processes:
            assert process.stdout is not None
            answer = process.stdout.readline().split()
            if len(answer) != 2:
                raise RuntimeError(f"{self.name} ended; its last words are above")
            answers.append([float(word) for word in answer])
        walls, processors = zip(*answers, strict=True)
        return max(walls) / self.copies, sum(processors) / self.copies

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "PYTHONWARNINGS": "ignore"}


def nni_python() -> str:
    """The interpreter of NNI's environment, which is built if it is not there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "posenas" / "benchmarks" / "nni"
    python, stamp = folder / "bin" / "python", folder / ".installed"
    wanted = "\n".join(REQUIREMENTS)
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"building NNI's environment in {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
        stamp.write_text(wanted)
    return str(python)


def contestants(threads: int, preset: str, nni: str | None) -> list[Contestant]:
    """All of them on so many threads."""
    ours = str(PEERS / "one_path.py")
    found = [
        Contestant(name, [sys.executable, ours, name, "1", preset], threads)
        for name in (("ours", "torch") if find_compiler() else ("torch",))
    ]
    found.append(Contestant("plain", [sys.executable, ours, "plain", str(threads), preset]))
    if nni:
        found.append(Contestant("NNI", [nni, str(PEERS / "nni_enas.py"), str(threads)]))
    return found


def measure(racers: Sequence[Contestant], threads: int, genotypes: Sequence[Genotype], rounds: int) -> None:
    """Print one table."""
    print(
        f"\n{threads} thread{'s' if threads > 1 else ''}: median seconds a step, wall and processor; ratio to"
    )
    print("the last column's contestant, median of the ratios within a round and genotype (processor time)")
    for kind in KINDS:
        seen: dict[str, list[tuple[float, float]]] = {racer.name: [] for racer in racers}
        for genotype in genotypes:
            for number in range(rounds + 1):
                for racer in racers:
                    seconds = racer.step(kind, genotype)
                    if number:  # the first round warms up
                        seen[racer.name].append(seconds)
        last = seen[racers[-1].name]
        for racer in racers:
            walls, processors = zip(*seen[racer.name], strict=True)
            ratios = [mine[1] / its[1] for mine, its in zip(seen[racer.name], last, strict=True)]
            walls_ratio = median(mine[0] / its[0] for mine, its in zip(seen[racer.name], last, strict=True))
            print(
                f"  {kind:6} {racer.name:6} {median(walls):7.3f} {median(processors):7.3f}   "
                f"{median(ratios):5.2f} of {racers[-1].name} ({min(ratios):.2f}-{max(ratios):.2f}); "
                f"wall {walls_ratio:.2f}",
                flush=True,
            )
    for racer in racers:
        racer.close()


def machine() -> str:
    """Processor, cores, load and versions in one line."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return (
        f"{model or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, torch {torch.__version__} "
        f"({torch.backends.cpu.get_cpu_capability()})"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="steps of each kind and genotype")
    parser.add_argument(
        "--genotypes", type=int, default=2, help="the released program's, then others at random"
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--without-nni", action="store_true", help="compare with the plain network alone")
    parser.add_argument(
        "--preset",
        choices=("released", "small"),
        default="released",
        help="small: batch 16, C = 12, 3 + 2 cells",
    )
    options = parser.parse_args()
    nni = None if options.without_nni or options.preset != "released" else nni_python()
    print(machine())
    print("python " + " ".join(sys.argv))
    genotypes = [Genotype.parse(RELEASED), *RandomStrategy(5, seed=3).sample(options.genotypes - 1, "t", 0)]
    for genotype in genotypes:
        print(f"genotype {genotype}")
    for threads in options.threads:
        measure(contestants(threads, options.preset, nni), threads, genotypes, options.rounds)


if __name__ == "__main__":
    main()
