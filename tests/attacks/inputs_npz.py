"""Layer files: no archives, archives that lie, arrays that lie, arrays that do not fit."""

from __future__ import annotations

import io
import os
import socket
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tests.attacks.case import Case, Content, case, fifo, folder, link_to, sparse
from tests.attacks.ingredients import SCALES, archive, arrays, header_of, layer, layer_with, npy, npy_of, zeros_bomb

GOOD = layer()


def _cut(content: bytes, share: float) -> bytes:
    return content[: int(len(content) * share)]


def _encrypted() -> bytes:
    """Every entry says that it is encrypted, in its own head and in the directory."""
    made = bytearray(GOOD)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = made.find(signature)
        while at >= 0:
            made[at + flags] |= 1
            at = made.find(signature, at + 4)
    return bytes(made)


def _twice(one: str, other: str) -> bytes:
    """Two entries of one key."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for name in (one, other, "input.npy"):
            made.writestr(zipfile.ZipInfo(f"{len(made.filelist)}".ljust(len(name), "x")), npy(arrays()["weight"]))
    content = file.getvalue()
    for number, name in enumerate((one, other, "input.npy")):
        content = content.replace(f"{number}".ljust(len(name), "x").encode(), name.encode())
    return content


def _overlapping() -> bytes:
    """The directory's entries all lead to the first file's bytes."""
    made = bytearray(archive({"weight.npy": npy(arrays()["weight"]), "inputt.npy": npy(arrays()["weight"])}))
    at = made.rfind(b"PK\x01\x02")
    made[at + 42 : at + 46] = struct.pack("<I", 0)
    return bytes(made)


def _members(count: int, content: bytes) -> Callable[[Path], object]:
    """So many members; made where they are needed."""
    return lambda path: path.write_bytes(archive(dict.fromkeys((f"{n}.npy" for n in range(count)), content)))


def _wrong_sum() -> bytes:
    made = bytearray(GOOD)
    made[made.find(b"PK\x01\x02") + 16] ^= 1
    return bytes(made)


def _socket(path: Path) -> None:
    """A socket; bound by its own name, since a whole path may be too long for one."""
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


FILES: list[tuple[str, Content | None, str]] = [
    ("missing", None, "no such file"),
    ("empty", b"", "no .npz archive"),
    ("one byte", b"P", "no .npz archive"),
    ("text", "not a layer\n" * 40, "no zip file"),
    ("a bare .npy", npy(arrays()["weight"]), "no zip file"),
    ("half of it", _cut(GOOD, 0.5), "no zip file, or was cut off"),
    ("all but a byte", GOOD[:-1], "no zip file, or was cut off"),
    ("its end alone", GOOD[-22:], "layer.npz"),
    ("junk before its end", GOOD[:60] + b"\xff" * 40 + GOOD[100:], "layer.npz"),
    ("a comment behind it", GOOD[:-2] + struct.pack("<H", 5) + b"hello", "no zip file"),
    ("a directory elsewhere", GOOD[:-6] + b"\xff\xff\xff\x7f\0\0", "layer.npz"),
    ("more entries than it has", GOOD[:-12] + struct.pack("<H", 9) + GOOD[-10:], "entries"),
    ("encrypted", _encrypted(), "is encrypted"),
    ("bz2", archive({"weight.npy": npy(arrays()["weight"])}, zipfile.ZIP_BZIP2), "compressed in a way"),
    ("lzma", archive({"weight.npy": npy(arrays()["weight"])}, zipfile.ZIP_LZMA), "compressed in a way"),
    ("a wrong check sum", _wrong_sum(), "layer.npz"),
    ("a key twice", _twice("weight.npy", "weight.npy"), "found twice"),
    ("a key twice, once without .npy", _twice("weight.npy", "weight"), "found twice"),
    ("entries that overlap", _overlapping(), "layer.npz"),
    ("20,000 members", _members(20_000, b""), "expected at most 10000"),
    ("9,000 members", _members(9_000, npy(np.int8(1))), "unknown key"),
    ("4 GB of zeros in 19 MB", lambda path: path.write_bytes(zeros_bomb(header_of("(4278190080,)"), 255)),
     "input: found nothing"),
    ("2 GB of nothing", sparse((1 << 31) + 5), "2 GB or more"),
    ("2 GB less a byte of nothing", sparse((1 << 31) - 1), "no zip file"),
    ("a FIFO", fifo, "found a FIFO"),
    ("a folder", folder, "layer.npz"),
    ("a socket", _socket, "found a socket"),
    ("a device by a link", link_to("/dev/zero"), "found a device"),
    ("a link to itself", link_to("layer.npz"), "cannot be read"),
    ("a link to nothing", link_to("nowhere"), "no such file"),
]
"""Name, content, what must be said: of the whole file."""

HEADERS: list[tuple[str, bytes, str]] = [
    ("9,000 brackets", npy_of("(" * 9_000), "no array of numbers"),
    ("9,000 brackets in a shape", npy_of(header_of("(" * 3_000 + ")" * 3_000)), "no array of numbers"),
    ("a header of 4 GB", b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "no array of numbers"),
    ("a header that is cut off", npy(arrays()["weight"])[:40], "no array of numbers"),
    ("no magic", b"\x94NUMPY" + npy(arrays()["weight"])[6:], "no array of numbers"),
    ("code in its header", npy_of("__import__('os').system('touch evil')"), "no array of numbers"),
    ("objects", npy(np.array([{}, []], object)), "no array of numbers"),
    ("fields", npy(np.zeros(3, [("a", "i4"), ("b", "f8")])), "no array of numbers"),
    ("dates", npy(np.zeros(3, "M8[s]")), "no array of numbers"),
    ("a negative shape", npy_of(header_of("(-1, 2)"), b"12"), "no array of numbers"),
    ("a huge shape", npy_of(header_of("(99999999999, 99999999999)"), b"12"), "bytes"),
    ("a shape of 40 dimensions", npy_of(header_of("(" + "1, " * 40 + ")"), b"1"), "no array of numbers"),
    ("fewer data than it says", npy_of(header_of("(4, 2, 3, 3)"), b"12"), "has 2 bytes"),
    ("more data than it says", npy_of(header_of("(2,)"), b"123"), "has 3 bytes"),
    ("a number of 3 bytes", npy_of(header_of("(2,)", "<i3"), b"123456"), "layer.npz"),
    ("a number of 999,999,999 bytes", npy_of(header_of("(0,)", "<i999999999")), "layer.npz"),
    ("text of 999,999,999 letters", npy_of(header_of("(0,)", "<U999999999")), "layer.npz"),
    ("a half float", npy(np.zeros((4, 2, 3, 3), np.float16)), "weight: found float16"),
    ("a quadruple", npy_of(header_of("(1,)", "<f16"), bytes(16)), "weight"),
    ("two bytes of a boolean", npy_of(header_of("(1,)", "|b2"), b"12"), "layer.npz"),
    ("a version of 9", npy_of(header_of("(1,)"), b"1", 9), "layer.npz"),
]
"""The same of the weight's member."""

ARRAYS: list[tuple[str, dict[str, object], str]] = [
    ("no weight", {"weight": None}, "weight: found nothing"),
    ("no input", {"input": None}, "input: found nothing"),
    ("an unknown key", {"wieght": np.int8(1)}, "an unknown key"),
    ("control characters in a key", {"\x1b[2J\nzerokeep: done": np.int8(1)}, "an unknown key"),
    ("a key of 60,000 letters", {"k" * 60_000: np.int8(1)}, "layer.npz"),
    ("weights of floats", {"weight": np.ones((4, 2, 3, 3), np.float32)}, "weight: found float32"),
    ("weights of NaN", {"weight": np.full((4, 2, 3, 3), np.nan)}, "weight: found float64"),
    ("weights of 32 bits", {"weight": np.ones((4, 2, 3, 3), np.int32)}, "weight: found int32"),
    ("weights of text", {"weight": np.full((4, 2, 3, 3), "1")}, "weight: found <U1"),
    ("weights of rank 0", {"weight": np.int8(1)}, "weight: found int8 ()"),
    ("weights of rank 3", {"weight": np.ones((4, 2, 3), np.int8)}, "weight: found int8 (4, 2, 3)"),
    ("weights of rank 8", {"weight": np.ones((1,) * 8, np.int8)}, "weight: found int8"),
    ("no filter", {"weight": np.ones((0, 2, 3, 3), np.int8)}, "weight: found int8 (0,"),
    ("a kernel of nothing", {"weight": np.ones((4, 2, 0, 3), np.int8)}, "not empty"),
    ("a million filters", {"weight": np.ones((1_000_000, 2, 1, 1), np.int8)}, "at most 65,536 filters"),
    ("a million channels", {"weight": np.ones((1, 1_000_000), np.int8), "input": np.ones((1, 1_000_000), np.uint8)},
     "at most 65,536 channels"),
    ("a kernel of 3000 x 3000", {"weight": np.ones((1, 2, 3000, 3000), np.int8)}, "at most 255 x 255"),
    ("a kernel larger than its map", {"weight": np.ones((4, 2, 9, 9), np.int8)}, "at least the kernel's 9"),
    ("other channels", {"input": np.ones((1, 3, 5, 5), np.uint8)}, "input: found uint8 (1, 3, 5, 5)"),
    ("an input of floats", {"input": np.full((1, 2, 5, 5), np.nan, np.float32)}, "input: found float32"),
    ("an input of 16 bits", {"input": np.ones((1, 2, 5, 5), np.int16)}, "input: found int16"),
    ("an input of rank 2", {"input": np.ones((1, 2), np.uint8)}, "input: found uint8 (1, 2)"),
    ("no image", {"input": np.ones((0, 2, 5, 5), np.uint8)}, "not empty"),
    ("rows without end", {"input": np.ones((1, 2, 20_000, 5), np.uint8)}, "at most 16,384"),
    ("a map that takes 100 GB", {"weight": np.ones((2, 1, 64, 64), np.int8),
                                 "input": np.ones((1, 1, 3_000, 3_000), np.uint8)}, "memory limit"),
    ("a bias of floats", {"bias": np.full(4, np.inf)}, "bias: found float64"),
    ("a bias too many", {"bias": np.ones(5, np.int32)}, "bias: found int32 (5,)"),
    ("a bias of 64 bits", {"bias": np.ones(4, np.int64)}, "bias: found int64"),
    ("a stride of 0", {"stride": np.array([0, 1])}, "stride: found value 0"),
    ("a stride of 65", {"stride": np.array([1, 65])}, "stride: found value 65"),
    ("a stride of -1", {"stride": np.array([-1, 1])}, "stride: found value -1"),
    ("a stride of one number", {"stride": np.array([1])}, "stride: found int64 (1,)"),
    ("a stride of floats", {"stride": np.array([1.0, 1.0])}, "stride: found float64"),
    ("a stride of 2^64 - 1", {"stride": np.array([1, 2**64 - 1], np.uint64)}, "value 18446744073709551615"),
    ("a padding of 65", {"padding": np.array([65, 0])}, "padding: found value 65"),
    ("a padding of -1", {"padding": np.array([0, -1])}, "padding: found value -1"),
    ("groups of 0", {"groups": np.array(0)}, "groups: found value 0"),
    ("groups of 3", {"groups": np.array(3)}, "a divisor of the 4 filters"),
    ("groups of 7", {"groups": np.array(7)}, "groups: found value 7"),
    ("groups in a list", {"groups": np.array([1])}, "groups: found int64 (1,)"),
    ("a multiplier alone", {"multiplier": SCALES["multiplier"]}, "one without the other"),
    ("a multiplier of 0", SCALES | {"multiplier": np.zeros(4, int)}, "multiplier: found value 0"),
    ("a multiplier of 65,536", SCALES | {"multiplier": np.full(4, 65_536)}, "multiplier: found value 65536"),
    ("a multiplier of NaN", SCALES | {"multiplier": np.full(4, np.nan)}, "multiplier: found float64"),
    ("a shift of 41", SCALES | {"shift": np.full(4, 41)}, "shift: found value 41"),
    ("a shift of 0", SCALES | {"shift": np.zeros(4, int)}, "shift: found value 0"),
    ("a clamp the wrong way", {"clamp": np.array([200, 100])}, "lo <= hi"),
    ("a clamp out of range", {"clamp": np.array([0, 256])}, "clamp: found value 256"),
    ("a clamp of three", {"clamp": np.array([0, 1, 2])}, "clamp: found int64 (3,)"),
    ("an unknown type", {"output_dtype": np.array("int4")}, "output_dtype: found"),
    ("a type that is a number", {"output_dtype": np.array(3)}, "output_dtype: found int64"),
    ("a type of bytes that are no text", {"output_dtype": np.array(b"\xff\x1b[2J")}, "output_dtype: found"),
    ("a type of a million letters", {"output_dtype": np.array("x" * 1_000_000)}, "output_dtype: found"),
    ("an unknown rounding", {"rounding": np.array("\x1b[2J")}, "rounding: found"),
    ("a rounding that is a number", {"rounding": np.array(3)}, "rounding: found int64"),
    ("a dilation of 0", {"dilation": np.array([0, 1])}, "dilation: found value 0"),
    ("a dilation of 65", {"dilation": np.array([1, 65])}, "dilation: found value 65"),
    ("a dilation of NaN", {"dilation": np.array([1, np.nan])}, "dilation: found float64"),
    ("a dilated kernel larger than its map", {"dilation": np.array([1, 64])}, "at least the dilated kernel's 129"),
    ("a dilated kernel that is too large", {"dilation": np.array([64, 1]), "weight": np.ones((4, 2, 9, 1), np.int8)},
     "a dilated kernel of at most 255 x 255"),
    ("a padding at the end of -1", {"padding_end": np.array([0, -1])}, "padding_end: found value -1"),
    ("a padding at the end of 2^64 - 1", {"padding_end": np.array([0, 2**64 - 1], np.uint64)},
     "padding_end: found value 18446744073709551615"),
    ("rows that no array takes", {"weight": np.ones((1, 1, 2, 1), np.int8),
                                  "input": np.ones((1, 1, 2, 16_000), np.uint8)}, "map"),
    ("a linear layer with strides", {"weight": np.ones((4, 2), np.int8), "input": np.ones((1, 2), np.uint8),
                                     "stride": np.array([2, 2])}, "for a linear layer"),
]
"""Name, arrays instead of the good ones, what must be said."""

READERS = ("simulate", "predict", "fit", "compile --out out")
"""What reads such a file, or a model folder."""
NAMES = ("a\nb.npz", "\x1b[2J.npz", "\u202egnp.npz", "x" * 300 + ".npz", "\udcff.npz", "nowhere/deeper/x.npz", "")


def cases() -> list[Case]:
    """Through the verbs in turn, which read such a file."""
    files = [*FILES, *((f"weight: {name}", layer_with(weight=content), says) for name, content, says in HEADERS),
             *((name, layer(**values), says) for name, values, says in ARRAYS)]
    made = []
    for number, (name, content, says) in enumerate(files):
        command = READERS[number % len(READERS)]
        made.append(case(f"{command.split()[0]}, layer file: {name}", f"{command} layer.npz", says,
                         {} if content is None else {"layer.npz": content}))
    made += [case(f"{command.split()[0]}, file name: {name[:20]!r}", command, "", {}, name)
             for number, name in enumerate(NAMES) for command in [READERS[number % len(READERS)]]]
    return made
