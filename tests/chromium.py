"""The system's Chromium, headless, for tests that look at pages; it is installed by tests/system.sh."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

__all__ = ["chromium_program", "open_chromium"]

# Root needs --no-sandbox; the others keep it from asking the network for anything of its own.
_ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


def chromium_program() -> str | None:
    """Where Chromium is; None: nowhere."""
    return shutil.which("chromium")


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """A running Chromium, closed afterwards."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_program(), args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
