"""How fast recordings are imported, and how fast a data set is checked.

    .venv/bin/python benchmarks/import.py            5,000 .skeleton files of 80 frames, 10,000 clips of 300
    .venv/bin/python benchmarks/import.py --files 500 --clips 1000 --peer OTHER/.venv/bin/python

The files are real in form (NTU RGB+D) and made of built-in people; figures for all 56,880 are extrapolated.
With --peer the check is also timed with another build of posenas, alternating. Memory is the largest sum of
resident memory of all processes, by samples; of the check, the process's own peak.
"""

import argparse
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

NTU_FILES, FRAMES = 56_880, 80
# The high-water mark of its own memory: getrusage would begin with that of the process that started it.
CHECK = """
import sys, time
from pathlib import Path
from encoding.datasets import check
start = time.process_time()
report = check(Path(sys.argv[1]))
seconds = time.process_time() - start
status = Path("/proc/self/status").read_text()
print(seconds, int(status.split("VmHWM:")[1].split()[0]) * 1024, report.ok)
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=5000, help=".skeleton files to import")
    parser.add_argument("--clips", type=int, default=10_000, help="clips of 300 frames to check")
    parser.add_argument("--peer", type=Path, help="Python of another build, to check the same file")
    parser.add_argument("--rounds", type=int, default=2, help="rounds of the check")
    arguments = parser.parse_args()
    machine = platform.processor() or platform.machine()
    load, version = os.getloadavg()[0], platform.python_version()
    print(f"{machine}, {os.cpu_count()} cores, load {load:.1f}, Python {version}")
    with tempfile.TemporaryDirectory() as folder:
        if arguments.files:
            measure_import(Path(folder), arguments.files)
        if arguments.clips:
            measure_check(Path(folder), arguments.clips, arguments.peer, arguments.rounds)


def write_files(folder: Path, count: int) -> int:
    """Files of 80 frames, each with one body, or two in every tenth; returns their bytes."""
    from encoding.datasets.synthetic import synthetic
    from ntu_files import kinect2, skeleton_text

    folder.mkdir()
    clips = synthetic(num_subjects=4, clips_per_action=1, validation_fraction=0).clips[:20]
    texts = []
    for number, clip in enumerate(clips):
        xyz = kinect2(np.resize(clip.poses.xyz, (FRAMES, 20, 3))) / 1000
        second = [("72057594037931199", xyz[::-1] + np.float32([1, 0, 0]))] if number % 10 == 0 else []
        frames = [
            [("72057594037931101", joints), *((name, body[t]) for name, body in second)]
            for t, joints in enumerate(xyz)
        ]
        texts.append(skeleton_text(frames).encode())
    for n in range(count):
        # Each number counts on its own, so that no two names are equal.
        action, rest = n % 60, n // 60
        camera, take, person, setup = rest % 3, rest // 3 % 2, rest // 6 % 40, rest // 240
        name = f"S{setup + 1:03}C{camera + 1:03}P{person + 1:03}R{take + 1:03}A{action + 1:03}"
        (folder / f"{name}.skeleton").write_bytes(texts[n % len(texts)])
    return sum(len(texts[n % len(texts)]) for n in range(count))


def measure_import(folder: Path, count: int) -> None:
    """Time and memory of `posenas data import`, in a process of its own."""
    size = write_files(folder / "files", count)
    command = [str(Path(sys.executable).parent / "posenas"), "data", "import", str(folder / "files")]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with subprocess.Popen(
        [*command, "--out", str(folder / "clips.npz")], stdout=subprocess.DEVNULL
    ) as process:
        peak = peak_memory(process)
    seconds = time.perf_counter() - start
    assert process.returncode == 0, "the import failed"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    work = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"import: {count} files of {FRAMES} frames ({size / 1e6:.0f} MB) in {seconds:.1f} s,")
    print(f"        {count / seconds:.0f} files/s beside what else ran here;")
    print(f"        {work:.1f} s of processor time: {2 * count / work:.0f} files/s where two cores are free;")
    print(f"        {peak / 1e6:.0f} MB at most in all processes;")
    print(f"        {NTU_FILES} files: {NTU_FILES * seconds / count / 60:.1f} minutes at this rate")
    shutil.rmtree(folder / "files")


def peak_memory(process: subprocess.Popen[bytes]) -> float:
    """The largest sum of resident memory of a process and its children, bytes."""
    peak = 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.05):
            try:
                own = psutil.Process(process.pid)
                peak = max(peak, sum(one.memory_info().rss for one in [own, *own.children(recursive=True)]))
            except psutil.Error:
                continue

    thread = threading.Thread(target=watch)
    thread.start()
    process.wait()
    done.set()
    thread.join()
    return peak


def measure_check(folder: Path, clips: int, peer: Path | None, rounds: int) -> None:
    """Processor time and peak memory of the check, for this build and another."""
    path = folder / "check.npz"
    frames = 300
    rng = np.random.default_rng(0)
    base = rng.uniform(0, 1700, (frames, 20, 3)).astype(np.float32)
    xyz = np.concatenate([base + np.float32(n * 0.01) for n in range(clips)])
    parts = np.array(["train", "test"])[np.arange(clips) // 20 % 4 // 3]
    np.savez(
        path,
        xyz=xyz,
        offsets=np.arange(clips + 1) * frames,
        labels=np.arange(clips) % 20,
        class_names=np.array([f"class {k}" for k in range(20)]),
        skeleton=np.array("msr_20"),
        fps=np.array(30.0),
        unit=np.array("mm"),
        split=parts,
    )
    data = xyz.nbytes / 1e6
    del xyz
    builds = {"this build": Path(sys.executable), **({"peer": peer} if peer else {})}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in builds}
    for _ in range(rounds):
        for name, python in builds.items():
            answer = subprocess.run(
                [str(python), "-c", CHECK, str(path)],
                capture_output=True,
                text=True,
                check=True,
                cwd=python.parents[2],
            )
            seconds, memory, ok = answer.stdout.split()
            assert ok == "True", answer.stdout
            found[name].append((float(seconds), float(memory) / 1e6))
    for name, rows in found.items():
        seconds, memory = min(row[0] for row in rows), max(row[1] for row in rows)
        print(
            f"check: {name}: {clips} clips of {frames} frames ({data:.0f} MB) in {seconds:.2f} s of "
            f"processor time, {memory:.0f} MB at most, {memory / data:.2f} x the data"
        )


if __name__ == "__main__":
    main()
