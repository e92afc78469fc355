"""Waves without liblz4 and zlib: Verilator's FST writer needs their headers, which a bare system does not have.

What is written here is valid LZ4 and zlib that stores instead of compressing: files are larger, and everything reads
them. Where the system has both headers, they are used.
"""

from __future__ import annotations

from pathlib import Path

from zeroskip.files.process import find, run
from zeroskip.files.workplace import workplace

EMPTY_ARCHIVE = b"!<arch>\n"

LZ4 = """// LZ4 block format, all literals: one token, the length, the bytes.
#pragma once
#include <cstring>
static inline int LZ4_compressBound(int size) { return size + size / 255 + 16; }
static inline int LZ4_compress_default(const char* from, char* to, int size, int) {
    char* at = to;
    *at++ = static_cast<char>((size < 15 ? size : 15) << 4);
    if (size >= 15) {
        int rest = size - 15;
        for (; rest >= 255; rest -= 255) *at++ = static_cast<char>(255);
        *at++ = static_cast<char>(rest);
    }
    std::memcpy(at, from, size);
    return static_cast<int>(at - to) + size;
}
"""

ZLIB = """// zlib format, stored blocks of at most 65,535 bytes, and the checksum.
#pragma once
#include <cstring>
typedef unsigned char Bytef;
typedef unsigned long uLong;
typedef unsigned long uLongf;
#define Z_OK 0
#define Z_BUF_ERROR (-5)
static inline uLong compressBound(uLong size) { return size + 5 * (size / 65535 + 1) + 6; }
static inline int compress2(Bytef* to, uLongf* room, const Bytef* from, uLong size, int) {
    if (*room < compressBound(size)) return Z_BUF_ERROR;
    Bytef* at = to;
    *at++ = 0x78;
    *at++ = 0x01;
    uLong done = 0;
    do {
        const uLong part = size - done < 65535 ? size - done : 65535;
        *at++ = done + part == size;
        *at++ = part & 255;
        *at++ = part >> 8;
        *at++ = ~part & 255;
        *at++ = (~part >> 8) & 255;
        std::memcpy(at, from + done, part);
        at += part;
        done += part;
    } while (done < size);
    uLong low = 1, high = 0;
    for (uLong i = 0; i < size; ++i) {
        low = (low + from[i]) % 65521;
        high = (high + low) % 65521;
    }
    const uLong sum = high << 16 | low;
    for (int shift = 24; shift >= 0; shift -= 8) *at++ = (sum >> shift) & 255;
    *room = at - to;
    return Z_OK;
}
"""


def system_has_headers() -> bool:
    """Whether g++ finds both libraries' headers."""
    compiler = find("g++")
    if compiler is None:
        return False
    command = [compiler, "-x", "c++", "-fsyntax-only", "-include", "lz4.h", "-include", "zlib.h", "/dev/null"]
    with workplace() as place:
        return run(command, folder=place).status == 0


def arguments(folder: Path, *, system: bool | None = None) -> list[str]:
    """Verilator's arguments for FST; with `system` false (default: as found) the shim is written into `folder`, a
    workplace.
    """
    if system_has_headers() if system is None else system:
        return ["--trace-fst"]
    place = folder / "shim"
    place.mkdir()
    (place / "lz4.h").write_text(LZ4)
    (place / "zlib.h").write_text(ZLIB)
    for library in ("liblz4.a", "libz.a"):
        (place / library).write_bytes(EMPTY_ARCHIVE)
    return ["--trace-fst", "-CFLAGS", f"-I{place}", "-LDFLAGS", f"-L{place}"]
