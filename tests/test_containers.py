"""The container files of examples/docker, judged by linters and by the command: no engine runs here."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "docker"
BIN = Path(sys.executable).parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which(command[0], path=str(BIN))
    assert program is not None, f"{command[0]} is not installed beside Python"
    return subprocess.run([program, *command[1:]], capture_output=True, text=True, timeout=120, check=False)


def services() -> dict[str, dict[str, Any]]:
    document = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    found: dict[str, dict[str, Any]] = document["services"]
    return found


def words(command: list[str]) -> str:
    return " ".join(command)


def test_the_linter_has_nothing_to_say_of_the_dockerfile() -> None:
    done = run("hadolint", str(FOLDER / "Dockerfile"))
    assert done.returncode == 0, done.stdout


def test_the_linter_would_say_something(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM python:latest\nRUN apt-get install curl\n")
    assert run("hadolint", str(bad)).returncode == 1


def check_compose(file: Path) -> subprocess.CompletedProcess[str]:
    return run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(file))


def test_the_compose_file_is_of_the_published_form() -> None:
    done = check_compose(FOLDER / "compose.yaml")
    assert done.returncode == 0, done.stdout


def test_a_compose_file_with_a_misspelt_key_is_seen(tmp_path: Path) -> None:
    bad = tmp_path / "compose.yaml"
    bad.write_text((FOLDER / "compose.yaml").read_text().replace("healthcheck:", "healthchek:", 1))
    assert check_compose(bad).returncode != 0


def test_services_wait_only_for_services_that_exist() -> None:
    for name, service in services().items():
        assert set(service.get("depends_on", {})) <= set(services()), name


def test_every_port_is_published_on_loopback_alone() -> None:
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_secret_is_written_in_the_compose_file() -> None:
    text = (FOLDER / "compose.yaml").read_text()
    for name in ("POSTGRES_PASSWORD", "PGPASSWORD", "RAY_AUTH_TOKEN", "POSENAS_TOKEN"):
        values = re.findall(rf"^\s+{name}: (.+)$", text, re.MULTILINE)
        assert values
        assert all(value.startswith("${") for value in values)


@pytest.mark.parametrize("name", ["migrate", "queue-worker", "queue-page"])
def test_the_command_knows_what_a_service_runs(name: str) -> None:
    match = re.search(r"\bposenas ((?:[a-z]+ )*[a-z]+)((?: --[a-z-]+)*)", words(services()[name]["command"]))
    assert match is not None
    help_text = run("posenas", *match[1].split(), "--help")
    assert help_text.returncode == 0, help_text.stderr
    for option in match[2].split():
        assert option in help_text.stdout


def test_everything_that_the_image_copies_reaches_the_builder() -> None:
    root = FOLDER.parents[1]
    allowed = {line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for line in (FOLDER / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    assert copied <= allowed
    assert all((root / source).exists() for source in copied)


def test_every_image_is_pinned() -> None:
    assert all(re.search(r":\d+\.\d+", service["image"]) for service in services().values())


def test_no_password_stands_in_an_address_or_a_command_line() -> None:
    for service in services().values():
        text = words(service.get("command", [])) + str(service["environment"].get("POSENAS_DATABASE", ""))
        assert "PASSWORD" not in text
        assert not re.search(r"://[^/@]*:[^/@]*@", text)


def test_the_image_holds_a_compiler_for_the_kernels() -> None:
    _, _, final = (FOLDER / "Dockerfile").read_text().rpartition("FROM ")
    assert {"gcc", "libc6-dev"} <= set(final.split())
