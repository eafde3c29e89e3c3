"""The site of docs/ is built without a warning, and a broken link would be one."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("material", reason="mkdocs-material is not installed: pip install 'posenas[docs]'")
REPOSITORY = Path(__file__).parents[1]
BESIDE = ("mkdocs.yml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md")


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    answer = build(REPOSITORY, tmp_path / "site")
    assert answer.returncode == 0, answer.stderr
    assert "WARNING" not in answer.stderr
    for page in (REPOSITORY / "docs").glob("*.md"):
        assert (tmp_path / "site" / f"{page.stem}.html").is_file()
    front = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert 'href="results.html' in front  # README's docs/results.md


@pytest.mark.parametrize("link", ["no_such_page.md", "faq.md#no-such-heading", "../no_such_file.md"])
def test_a_broken_link_is_a_warning_and_stops_the_build(link: str, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(REPOSITORY / "docs", root / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    for name in BESIDE:
        shutil.copy(REPOSITORY / name, root / name)
    page = root / "docs" / "faq.md"
    page.write_text(f"{page.read_text(encoding='utf-8')}\n[broken]({link})\n", encoding="utf-8")
    answer = build(root, tmp_path / "site")
    assert answer.returncode == 1, answer.stderr
    assert "faq.md" in answer.stderr


def test_links_of_the_front_page_are_those_of_docs() -> None:
    spec = importlib.util.spec_from_file_location("site_hooks", REPOSITORY / "docs" / "site_hooks.py")
    assert spec is not None
    assert spec.loader is not None
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    page = '[![film](docs/a.gif)](docs/a.md#b) <img src="docs/c.png"> [d](LICENSE) [e](#e) [f](https://f.org)'
    moved = '[![film](a.gif)](a.md#b) <img src="c.png"> [d](../LICENSE) [e](#e) [f](https://f.org)'
    assert hooks.from_root(page) == moved
    assert (
        hooks.on_page_markdown("[d](../LICENSE) [g](../CHANGELOG.md#h)")
        == "d (`LICENSE`) [g](changelog.md#h)"
    )
