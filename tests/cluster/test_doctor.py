"""The doctor: every check is a finding, and a broken one never stops the others."""

import subprocess
import sys
from pathlib import Path

import pytest

from cluster import doctor
from cluster.doctor import Finding, diagnose


def _found(folder: Path) -> dict[str, Finding]:
    return {finding.subject: finding for finding in diagnose(folder, start_ray=False)}


def test_every_subject_is_looked_at(tmp_path: Path) -> None:
    found = _found(tmp_path)
    assert list(found) == [
        "Python", "torch", "CUDA", "kernels", "OpenCV", "Ray token", "Ray", "MLflow store", "disk", "memory",
        "shared memory", "shared storage", "2D detector", "data set msr", "data set sbu",
    ]  # fmt: skip
    assert found["Python"].state == "works"
    assert found["MLflow store"].found.endswith(f"sqlite:///{tmp_path / 'mlflow.db'}")


def test_kernels_need_a_compiler_and_avx2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capability = "torch.backends.cpu.get_cpu_capability"
    monkeypatch.setattr("nas.kernels.library.find_compiler", lambda: "/usr/bin/cc")
    assert _found(tmp_path)["kernels"].state == "works"
    monkeypatch.setattr("nas.kernels.library.find_compiler", lambda: None)
    monkeypatch.setattr(capability, lambda: "AVX512")
    assert _found(tmp_path)["kernels"].mend == "install gcc or clang: apt-get install gcc"
    monkeypatch.setattr(capability, lambda: "DEFAULT")
    assert "the processor has DEFAULT; the compiled ones need AVX2" in _found(tmp_path)["kernels"].found


def test_a_check_that_breaks_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Finding:
        raise ImportError("libGL.so.1 is missing\nand more")

    monkeypatch.setattr(doctor, "_opencv", broken)
    found = _found(tmp_path)
    assert found["OpenCV"] == Finding(
        subject="OpenCV",
        state="missing",
        found="libGL.so.1 is missing",
        mend="reinstall with `make install`, then ask again",
    )
    assert found["disk"].state in ("works", "limited")


def test_data_sets_are_looked_for_where_posenas_data_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSENAS_DATA", raising=False)
    assert _found(tmp_path)["data set msr"].found == "POSENAS_DATA is not set"
    monkeypatch.setenv("POSENAS_DATA", str(tmp_path))
    missing = _found(tmp_path)["data set msr"]
    assert missing.state == "limited"
    assert f"--data msr --root {tmp_path / 'msr_action3d'}" in missing.mend
    (tmp_path / "msr_action3d" / "real3d").mkdir(parents=True)
    assert _found(tmp_path)["data set msr"].state == "works"


def test_the_2d_detector_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSENAS_DETECTOR", str(tmp_path))
    assert "`make detector`" in _found(tmp_path)["2D detector"].mend
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    assert _found(tmp_path)["2D detector"] == Finding(
        subject="2D detector", state="works", found=f"MediaPipe in {tmp_path}"
    )


def test_little_disk_is_said_with_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 1 << 20

    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: Usage)
    found = _found(tmp_path)["disk"]
    assert (found.state, found.mend) == ("limited", "a run needs about 1 GiB: free some space")


@pytest.mark.ray
def test_ray_is_started_and_stopped_again(tmp_path: Path) -> None:
    # In a process of its own: in this one other tests' Ray may be running, which would be found and left.
    program = """
import sys, ray
from pathlib import Path
from cluster.doctor import diagnose
found = {finding.subject: finding for finding in diagnose(Path(sys.argv[1]))}
print(found["Ray"].state, found["Ray"].found, ray.is_initialized(), sep="|")
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True, text=True
    )
    state, found, running = done.stdout.strip().splitlines()[-1].split("|")
    assert (state, running) == ("works", "False")
    assert "starts here: 1 machine with" in found


@pytest.mark.parametrize(
    ("mode", "permissions", "state", "said"),
    [
        ("token", None, "missing", "ray get-auth-token --generate"),
        ("", None, "limited", "to join a cluster"),
        ("token", 0o644, "limited", "chmod 600"),
        ("token", 0o600, "works", ""),
    ],
)
def test_what_is_wrong_with_the_token_is_said_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, permissions: int | None, state: str, said: str
) -> None:
    file = tmp_path / "auth_token"
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(file))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    if permissions is not None:
        file.write_text("a" * 40)
        file.chmod(permissions)
    found = doctor._ray_token()
    assert found.state == state
    assert said in found.mend


def test_a_cluster_that_cannot_be_joined_is_said_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    findings = {f.subject: f for f in diagnose(tmp_path, start_ray=False, address="127.0.0.1:1")}
    found = findings["Ray cluster"]
    assert found.state == "missing"
    assert "no Ray cluster answers at 127.0.0.1:1" in found.found
    assert "start one with `ray start --head` there" in found.mend
