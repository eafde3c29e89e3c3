"""The manifests of examples/kubernetes, judged by what KubeRay's resources demand: no cluster runs here."""

import copy
import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from cluster.cli import app
from cluster.distributed.runtime import HEALTH_CHECK

REPOSITORY = Path(__file__).resolve().parents[1]
FILES = sorted((REPOSITORY / "examples" / "kubernetes").glob("*.yaml"))
SCHEMA = Draft202012Validator(json.loads((REPOSITORY / "tests" / "kuberay.schema.json").read_text()))


def documents(file: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(file.read_text()))


def clusters() -> list[dict[str, Any]]:
    """The cluster's part of every cluster and job."""
    specs = [one["spec"] for file in FILES for one in documents(file) if one["apiVersion"] == "ray.io/v1"]
    return [spec.get("rayClusterSpec", spec) for spec in specs]


def containers(cluster: dict[str, Any]) -> list[dict[str, Any]]:
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [one for group in groups for one in group["template"]["spec"]["containers"]]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_manifest_has_the_form_that_kuberay_demands(file: Path) -> None:
    for document in documents(file):
        errors = [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(document)]
        assert errors == []


def test_the_form_sees_a_misspelt_field_a_number_for_a_text_and_a_missing_part() -> None:
    (job,) = documents(REPOSITORY / "examples" / "kubernetes" / "rayjob.yaml")
    assert SCHEMA.is_valid(job)
    misspelt, number, missing = (copy.deepcopy(job) for _ in range(3))
    misspelt["spec"]["backOffLimit"] = 3
    number["spec"]["rayClusterSpec"]["headGroupSpec"]["rayStartParams"]["num-cpus"] = 0
    del missing["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["groupName"]
    assert not any(SCHEMA.is_valid(wrong) for wrong in (misspelt, number, missing))


def test_a_cluster_and_a_job_are_there() -> None:
    kinds = {document["kind"] for file in FILES for document in documents(file)}
    assert kinds == {"RayCluster", "RayJob", "PersistentVolumeClaim"}


def test_the_ray_version_is_that_of_the_image() -> None:
    (version,) = re.findall(r"^ray==(\S+)$", (REPOSITORY / "constraints.txt").read_text(), re.MULTILINE)
    assert {cluster["rayVersion"] for cluster in clusters()} == {version}


def test_health_checks_are_those_of_our_own_ray_and_tokens_are_on() -> None:
    expected = {f"RAY_{name}": str(value) for name, value in HEALTH_CHECK.items()}
    for cluster in clusters():
        assert cluster["authOptions"] == {"mode": "token"}
        for container in containers(cluster):
            assert {one["name"]: one["value"] for one in container["env"]} == expected


def test_every_mounted_volume_is_there_and_claims_what_is_made() -> None:
    made = {d["metadata"]["name"] for file in FILES for d in documents(file) if d["kind"].endswith("Claim")}
    for cluster in clusters():
        head = cluster["headGroupSpec"]["template"]["spec"]
        volumes = {one["name"]: one["persistentVolumeClaim"]["claimName"] for one in head["volumes"]}
        assert {mount["name"] for mount in head["containers"][0]["volumeMounts"]} == set(volumes)
        assert set(volumes.values()) <= made


def entrypoint() -> str:
    (job,) = documents(REPOSITORY / "examples" / "kubernetes" / "rayjob.yaml")
    return str(job["spec"]["entrypoint"])


def submitted(entry: str, folder: Path) -> list[str]:
    """The words that `ray job submit` gets of an entrypoint, after bash has read KubeRay's line.

    KubeRay 1.5 puts the entrypoint between these words, unquoted, and runs all of it with `bash -ce`
    (ray-operator/controllers/ray/common/job.go). Here `ray` is a stand-in that notes its words.
    """
    words = folder / "words"
    ray = folder / "ray"
    ray.write_text(
        f"#!/bin/sh\n[ $2 = status ] && exit 1\n[ $2 = submit ] && printf '%s\\n' \"$@\" > {words}\nexit 0\n"
    )
    ray.chmod(0o755)
    line = (
        "until true >/dev/null 2>&1 ; do echo waiting ; sleep 2 ; done ; "
        "if ! ray job status --address http://head:8265 ID >/dev/null 2>&1 ; "
        "then ray job submit --address http://head:8265 --no-wait --submission-id ID -- "
        f"{entry.strip()} ; fi ; ray job logs --address http://head:8265 --follow ID"
    )
    path = f"{folder}:/usr/bin:/bin"
    subprocess.run(["/bin/bash", "-ce", "--", line], check=True, env={"PATH": path}, capture_output=True)
    said = words.read_text().splitlines()
    return said[said.index("--") + 1 :]


def test_bash_reads_kuberays_line_as_one_submission_of_our_command(tmp_path: Path) -> None:
    words = submitted(entrypoint(), tmp_path)
    assert words == shlex.split(entrypoint())
    assert words[:3] == ["posenas", "search", "--resume=auto"]


def test_an_entrypoint_that_is_shell_itself_is_torn_apart(tmp_path: Path) -> None:
    """The control."""
    with pytest.raises(subprocess.CalledProcessError):
        submitted("if true; then posenas search; fi", tmp_path)


def test_the_options_of_the_command_exist() -> None:
    options = {word.partition("=")[0] for word in shlex.split(entrypoint()) if word.startswith("--")}
    assert options == {"--resume", "--out", "--address", "--workers", "--config"}
    shown = CliRunner().invoke(app, ["search", "--help"], env={"COLUMNS": "200"}).stdout
    assert all(option in shown for option in options)
    assert "--resume=auto" in shown


def test_images_are_pinned_and_the_images_user_may_write_the_volume() -> None:
    for cluster in clusters():
        assert all(re.fullmatch(r"posenas:\d+\.\d+\.\d+", one["image"]) for one in containers(cluster))
        pod = cluster["headGroupSpec"]["template"]["spec"]
        assert pod["securityContext"] == {"fsGroup": 1000}
