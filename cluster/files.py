"""How this room writes its files: whole or not at all, as `lifting.files` does it."""

from lifting.files import (
    TEMPORARY_PREFIX,
    read_json,
    sha256,
    sha256_of_file,
    write_atomically,
    write_folder,
    write_json,
)

__all__ = [
    "TEMPORARY_PREFIX",
    "read_json",
    "sha256",
    "sha256_of_file",
    "write_atomically",
    "write_folder",
    "write_json",
]
