"""Media that are given as bytes or as an open file: kept in a private temporary file for as long as a clip needs it."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import BinaryIO

from omnisense.errors import InputError, MediaError
from omnisense.files import remove_leftovers, temporary_prefix

_REMEDY = "Give a path, bytes, a file object opened in binary mode, or an open clip."


class TemporaryMedia:
    """A private file that is removed when nothing refers to this object any more, at the latest when Python ends.

    Attributes:
        path: of the file, readable by this user only.
    """

    def __init__(self, source: bytes | bytearray | memoryview | BinaryIO) -> None:
        """Copy what a source holds; of a file object, from where it stands to its end.

        Raises:
            InputError: it is neither bytes nor a binary file object.
            MediaError: it cannot be read, or the file cannot be written.
        """
        remove_leftovers(Path(tempfile.gettempdir()))
        handle, name = tempfile.mkstemp(prefix=temporary_prefix())
        self.path = Path(name)
        self._remove = weakref.finalize(self, self.path.unlink, missing_ok=True)
        try:
            with os.fdopen(handle, "wb") as file:
                if isinstance(source, bytes | bytearray | memoryview):
                    file.write(source)
                else:
                    shutil.copyfileobj(source, file)
        except (TypeError, UnicodeDecodeError) as error:  # a text file reads as str
            self._remove()
            raise InputError(
                "the file object does not give bytes", "Open it in binary mode: open(path, 'rb')."
            ) from error
        except (OSError, ValueError) as error:  # ValueError: it is closed
            self._remove()
            raise MediaError(f"the file object cannot be copied ({error})", "Open it again; check the disk.") from error

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        # In another process a clip is only a path: the file belongs to this one.
        return type(None), ()


def temporary_media(source: object) -> TemporaryMedia:
    """Return a temporary file with what a source holds.

    Raises:
        InputError: it is neither bytes nor a binary file object.
        MediaError: it cannot be read, or the file cannot be written.
    """
    if isinstance(source, bytes | bytearray | memoryview) or callable(getattr(source, "read", None)):
        return TemporaryMedia(source)  # type: ignore[arg-type]
    raise InputError(f"a clip cannot be of type {type(source).__name__}", _REMEDY)
