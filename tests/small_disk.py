"""A real file system of 8 MB, to be filled and freed again; only root may mount one."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

__all__ = ["SmallDisk"]


class SmallDisk:
    """A tmpfs at `place`.

    Raises:
        PermissionError: it cannot be mounted.
    """

    def __init__(self, place: Path) -> None:
        place.mkdir()
        self.place = place
        command = ["mount", "-t", "tmpfs", "-o", "size=8m", "posenas-test", str(place)]
        if os.getuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            raise PermissionError(
                "a small disk cannot be mounted here: that takes root, and most containers forbid it"
            )

    def fill(self) -> None:
        """Leave no room at all."""
        with (self.place / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 4096):
                pass

    def free(self) -> None:
        """Make room again."""
        (self.place / "filler").unlink()

    def unmount(self) -> None:
        """Take it away, even while files in it are open."""
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)
