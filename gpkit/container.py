r"""One file of a header, tensors and a checksum: written whole or not at all, read whole or not.

Layout (integers little endian):

| offset   | bytes | content                                                  |
|----------|-------|----------------------------------------------------------|
| 0        | 8     | magic number ``89 47 50 4B 0D 0A 1A 0A``                 |
| 8        | 4     | version of this layout, 1                                |
| 12       | 4     | length h of the header                                   |
| 16       | 8     | length p of the tensors                                  |
| 24       | h     | header: JSON object ``{"header": ..., "kind": ...}``     |
| 24+h     | p     | tensors: safetensors                                     |
| 24+h+p   | 32    | SHA-256 of everything before                             |

Every later layout keeps the magic number, the version and the checksum in their places, so
that damage and novelty are told apart. Nothing in a file is ever executed; the checksum
finds damage, not malice. Equal contents make equal files: no times, no names of machines.
"""

import errno
import hashlib
import json
import os
import secrets
import struct
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

try:
    import fcntl
except ImportError:  # Windows, where a file that is open can't be removed anyway.
    fcntl = None

VERSION = 1
# A line end, an end-of-file mark and a byte above 127: a transfer as text changes them.
MAGIC = b"\x89GPK\r\n\x1a\n"
MAX_BYTES = 4 * 2**30
MAX_HEADER_BYTES = 16 * 2**20

_PREFIX, _SUFFIX = ".gpkit-", ".tmp"
_A_DAY = 24 * 3600.0

_PREAMBLE = struct.Struct("<8sIIQ")
_DIGEST_BYTES = hashlib.sha256().digest_size
_SMALLEST = _PREAMBLE.size + _DIGEST_BYTES
_DAMAGED = "copy it again from where it came, or save the model again"

_REMEDIES = {
    errno.ENOSPC: "free some space there, or choose another folder",
    errno.EDQUOT: "free some of your space there, or choose another folder",
    errno.EFBIG: "the system limits the size of files; choose another folder or raise the limit",
    errno.EACCES: "choose a place that you have access to, or change its permissions",
    errno.EPERM: "choose a place that you have access to, or change its permissions",
    errno.EROFS: "choose a folder that is not read-only",
    errno.ENOENT: "check the name, and that its folder exists",
    errno.ENOTDIR: "check the name: a part of it that should be a folder is a file",
    errno.EISDIR: "this is a folder: give the name of a file in it",
    errno.ENAMETOOLONG: "choose a shorter name",
}


class ContainerError(ValueError):
    """A file that is damaged, foreign, too new or of another kind; says which and what to do."""


def write(
    path: str | os.PathLike[str],
    header: Mapping[str, Any],
    tensors: Mapping[str, np.ndarray],
    kind: str,
) -> None:
    """Write a file that `read` takes back with the same `kind`.

    `header` is anything that strict JSON can say; `tensors` are arrays of booleans, integers
    or floats up to 64 bits, of any shape, whose dtypes are kept.

    The bytes go to a temporary file in the same folder, which takes the place of `path` only
    when it is complete and on the disk. On any failure nothing is left of it and an older
    file at `path` is as it was. Of a writer that is killed, a temporary file stays; the next
    write to the folder removes it.

    Raises:
        OSError: of the class that fits (PermissionError, ...), with path and remedy, where
            the system refuses: disk full, folder read-only or gone.
        TypeError: for an array of another dtype, or a header that is not JSON.
        ValueError: for a number in the header that JSON lacks, or more than `MAX_BYTES`.
    """
    text = json.dumps(
        {"kind": kind, "header": dict(header)},
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
    ).encode()
    payload = save_tensors({name: _storable(name, array) for name, array in tensors.items()})
    size = _SMALLEST + len(text) + len(payload)
    if size > MAX_BYTES or len(text) > MAX_HEADER_BYTES:
        raise ValueError(
            f"{len(text)} bytes of header and {len(payload)} of arrays are too much for one "
            f"file, which holds {MAX_HEADER_BYTES} and {MAX_BYTES} in all; store fewer rows"
        )
    pieces = [_PREAMBLE.pack(MAGIC, VERSION, len(text), len(payload)), text, payload]
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    _write_atomically(os.fsdecode(path), [*pieces, digest.digest()])


def read(path: str | os.PathLike[str], kind: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Header and tensors of a file that `write` wrote with the same `kind`.

    Raises:
        ContainerError: for a file that is cut short, changed, longer than written, not of
            this format, of a newer version or of another kind.
        OSError: with path and remedy, where the file can't be opened.
    """
    name = os.fsdecode(path)
    data = _load(name)
    if _digest(data) != data[-_DIGEST_BYTES:]:
        raise ContainerError(f"{name}: {_damage(data)}; {_DAMAGED}")
    _, version, header_size, payload_size = _PREAMBLE.unpack_from(data)
    if version != VERSION:
        raise ContainerError(
            f"{name}: layout version {version} is not known here, only {VERSION}; install a "
            "newer gpkit to read it"
        )
    if _SMALLEST + header_size + payload_size != len(data):
        raise ContainerError(f"{name}: {_damage(data)}; {_DAMAGED}")
    end = _PREAMBLE.size + header_size
    found, header = _parse_header(name, data[_PREAMBLE.size : end])
    if found != kind:
        raise ContainerError(f"{name}: this is a {found} file where a {kind} file is needed")
    try:
        return header, load_tensors(bytes(data[end:-_DIGEST_BYTES]))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ContainerError(f"{name}: its arrays can't be read ({error}); {_DAMAGED}") from error


def _load(name: str) -> memoryview:
    """The bytes of a file that starts like ours and is not larger than ours can be."""
    with _explained("read", name), open(name, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(len(MAGIC))
        if start == MAGIC and size <= MAX_BYTES:
            data = start + file.read()
            if len(data) >= _SMALLEST:
                return memoryview(data)
    if start == MAGIC and size > MAX_BYTES:
        raise ContainerError(f"{name}: {size} bytes, more than the {MAX_BYTES} of any gpkit file")
    if MAGIC.startswith(start):
        raise ContainerError(f"{name}: cut short after {size} bytes; {_DAMAGED}")
    raise ContainerError(
        f"{name}: not a gpkit file, or its first bytes were changed (a transfer as text does "
        f"that); check the name, or {_DAMAGED}"
    )


def _digest(data: memoryview) -> bytes:
    return hashlib.sha256(data[:-_DIGEST_BYTES]).digest()


def _damage(data: memoryview) -> str:
    """What is wrong with bytes whose checksum or lengths do not fit, as far as one can tell."""
    _, version, header_size, payload_size = _PREAMBLE.unpack_from(data)
    expected, size = _SMALLEST + header_size + payload_size, len(data)
    if version != VERSION or size == expected or expected > MAX_BYTES:
        return "damaged: the checksum does not fit the content"
    how = "cut short" if size < expected else "bytes were added at the end"
    return f"damaged: {size} bytes of the {expected} that were written ({how})"


def _parse_header(name: str, text: memoryview) -> tuple[str, dict[str, Any]]:
    if len(text) > MAX_HEADER_BYTES:
        raise ContainerError(f"{name}: a header of {len(text)} bytes is no header of gpkit")
    try:
        record = json.loads(bytes(text))
        kind, header = record["kind"], record["header"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ContainerError(f"{name}: the header can't be read ({error!r}); {_DAMAGED}") from None
    if not isinstance(kind, str) or not isinstance(header, dict):
        raise ContainerError(f"{name}: the header has an unknown form; {_DAMAGED}")
    return kind, header


def _storable(name: str, value: Any) -> np.ndarray:
    """The array dense, row by row and little endian: all that the tensor format can say."""
    array = np.asarray(value)
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(
            f"array {name!r} has dtype {array.dtype}; only booleans, integers and floats of up "
            "to 64 bits can be stored"
        )
    # The tensor library reads the memory as it lies, whatever the strides.
    return np.asarray(array, array.dtype.newbyteorder("<"), order="C")


def _write_atomically(path: str, pieces: Iterable[bytes]) -> None:
    # A link stays a link: the file that it points to is replaced.
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    with _explained("write", path):
        _remove_debris(folder)
        temporary, file = _temporary(folder)
        try:
            with file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
                if fcntl is not None:
                    # While it is locked, so that nobody takes it for debris.
                    os.replace(temporary, target)
            if fcntl is None:
                os.replace(temporary, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    _sync_folder(folder)


def _temporary(folder: str) -> tuple[str, BinaryIO]:
    """A new file of a name of its own, locked for as long as it is open."""
    while True:
        name = os.path.join(folder, f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}")
        file = open(name, "xb")  # noqa: SIM115 (the caller closes it)
        if _locked(file.fileno(), wait=True) is None or os.path.exists(name):
            return name, file
        # Another writer took it for debris before the lock was there.
        file.close()


def _remove_debris(folder: str) -> None:
    """Remove the temporary files of writers that were killed: those that nobody has locked."""
    found: list[os.DirEntry[str]] = []
    with suppress(OSError):
        found = [e for e in os.scandir(folder) if e.name.startswith(_PREFIX)]
    for entry in found:
        if not entry.name.endswith(_SUFFIX):
            continue
        with suppress(OSError), open(entry.path, "rb") as file:
            held = _locked(file.fileno(), wait=False)
            # Where the system has no locks, a writer is given a day.
            old = time.time() - entry.stat().st_mtime > _A_DAY
            if held or (held is None and (old or fcntl is None)):
                os.unlink(entry.path)


def _locked(handle: int, *, wait: bool) -> bool | None:
    """Whether an exclusive lock was got; None where the system has none to give."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _sync_folder(folder: str) -> None:
    # The new name survives a power cut only so; some systems cannot, and then need not.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _explained(verb: str, path: str) -> Iterator[None]:
    """Errors of the system again, of the same class, with path and remedy."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        remedy = _REMEDIES.get(error.errno or 0, "try again, or choose another place")
        raise OSError(error.errno, f"can't {verb} this file: {reason}; {remedy}", path) from error
