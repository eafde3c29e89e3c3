"""One array of a .npz that is stored uncompressed, read straight into memory.

numpy reads a member of a zip archive in pieces and copies each once more. For clips, which do not compress
and are stored as they are, that takes longer than all checks of them.
"""

import struct
import zipfile
import zlib
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["stored_array"]

_LOCAL_HEADER = struct.Struct("<26xHH")  # lengths of name and extra field, which end the local header
_ENCRYPTED = 1


def stored_array(stream: BinaryIO, archive: zipfile.ZipFile, name: str) -> NDArray[Any] | None:
    """The array of a name; None where it is compressed, encrypted, or no array.

    Args:
        stream: the file itself.
        archive: the same file as an archive.
        name: of the array.

    Raises:
        ValueError: it is cut off, or holds objects.
        zipfile.BadZipFile: its checksum is another than the archive says.
    """
    member = archive.NameToInfo.get(f"{name}.npy")
    if member is None or member.compress_type != zipfile.ZIP_STORED or member.flag_bits & _ENCRYPTED:
        return None
    stream.seek(member.header_offset)
    lengths = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
    begin = member.header_offset + _LOCAL_HEADER.size + sum(lengths)
    stream.seek(begin)
    values: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
    head = stream.tell() - begin - values.nbytes
    stream.seek(begin)
    content = values if values.flags.c_contiguous else values.T  # as it lies in the file
    checksum = zlib.crc32(content.reshape(-1).view(np.uint8).data, zlib.crc32(stream.read(head)))
    if head + values.nbytes != member.file_size or checksum != member.CRC:
        raise zipfile.BadZipFile(f"the checksum of {member.filename!r} is wrong")
    return values
