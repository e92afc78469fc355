"""Frames: what goes in comes out, whatever the line does between them."""

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hw.streams import get, put, simulate

from zeroskip.link.frame import (
    ANSWER_BYTES,
    ANSWER_HEAD,
    ANSWER_LINE_BYTES,
    BUFFER_BYTES,
    CRC_BYTES,
    ESCAPE,
    FLAG,
    REQUEST_HEAD,
    BeatSize,
    Unstuffer,
    stuff,
)
from zeroskip.link.framing import Deframer, Framer

CONTENTS = st.binary(min_size=1, max_size=40) | st.lists(st.sampled_from([FLAG, ESCAPE, FLAG ^ 0x20, 0]), min_size=1,
                                                         max_size=20).map(bytes)


def test_a_frame_by_hand():
    check = zlib.crc32(b"12~4")
    assert stuff(b"12~4") == b"~12\x7d\x5e4" + check.to_bytes(CRC_BYTES, "little") + b"~"


@pytest.mark.parametrize("number", [0, 1, 2, 3])
@pytest.mark.parametrize("data", [4, 8, 16, 32])
def test_there_is_room_for_the_longest_request_and_answer(data, number):
    """And for no beat more; their counts fit a byte."""
    size = BeatSize(data=data, number=number)
    for head, each, count, most in ((REQUEST_HEAD + 1, data, size.in_request, BUFFER_BYTES),
                                    (ANSWER_HEAD, data + number, size.in_answer, ANSWER_BYTES)):
        assert head + count * each + CRC_BYTES <= most < head + (count + 1) * each + CRC_BYTES + 16
        assert 1 <= count <= 255


@given(st.lists(CONTENTS, max_size=5), st.randoms(use_true_random=False))
def test_frames_come_back_however_they_are_cut(contents, rng):
    raw, found, unstuffer = b"".join(map(stuff, contents)), [], Unstuffer()
    while raw:
        cut = rng.randint(1, len(raw))
        found += unstuffer.feed(raw[:cut])
        raw = raw[cut:]
    assert found == contents
    assert unstuffer.bad == 0


@given(st.binary(max_size=60), CONTENTS)
def test_noise_costs_no_frame_after_it(noise, content):
    unstuffer = Unstuffer()
    unstuffer.feed(noise)
    assert unstuffer.feed(bytes([FLAG]) + stuff(content))[-1] == content


@pytest.mark.parametrize("byte", [FLAG, 0])
def test_the_longest_answer_and_one_longer(byte):
    longest = bytes([byte]) * (ANSWER_BYTES - CRC_BYTES)
    assert len(stuff(longest)) <= ANSWER_LINE_BYTES
    unstuffer = Unstuffer()
    assert unstuffer.feed(stuff(longest)) == [longest]
    assert unstuffer.feed(stuff(longest + bytes([byte])) + stuff(longest)) == [longest]
    assert unstuffer.bad == 1


@given(st.binary(min_size=1, max_size=50).filter(lambda raw: FLAG not in raw), CONTENTS)
def test_what_never_ends_is_not_kept(raw, content):
    """It costs one frame, once it ends."""
    unstuffer = Unstuffer()
    for _ in range(200):
        assert unstuffer.feed(raw * 20) == []
        assert len(unstuffer._body) <= ANSWER_BYTES + 1
    assert unstuffer.bad == 0
    assert unstuffer.feed(stuff(content)) == [content]
    assert unstuffer.bad == 1 and not unstuffer._body


@given(CONTENTS, st.data())
def test_a_damaged_byte_is_seen(content, data):
    frame = stuff(content)
    at = data.draw(st.integers(1, len(frame) - 2))
    damaged = {
        "dropped": frame[:at] + frame[at + 1 :], "doubled": frame[:at] + frame[at : at + 1] + frame[at:],
        "flipped": frame[:at] + bytes([frame[at] ^ 1 << data.draw(st.integers(0, 7))]) + frame[at + 1 :],
    }[data.draw(st.sampled_from(["dropped", "doubled", "flipped"]))]
    if damaged == frame or _same_escapes(frame, damaged):
        return
    assert content not in Unstuffer().feed(damaged)


def _same_escapes(one, other):
    """An escape doubled is an escape."""
    return one.replace(b"\x7d\x7d", b"\x7d") == other.replace(b"\x7d\x7d", b"\x7d")


def frames(seed):
    rng = random.Random(seed)
    special = [FLAG, ESCAPE, FLAG ^ 0x20, ESCAPE ^ 0x20]
    return [bytes(rng.choice([*special, rng.randrange(256)]) for _ in range(rng.randint(1, 12))) for _ in range(12)]


@pytest.mark.parametrize("gap", [0, 3])
def test_the_deframer_tells_good_from_bad(gap):
    contents = frames(gap)
    raw, wanted = b"", []
    rng = random.Random(gap)
    for content in contents:
        frame = bytearray(stuff(content))
        good = rng.random() < 0.6
        if not good:
            frame[rng.randrange(1, len(frame) - 1)] ^= 1 << rng.randrange(3)
        raw += bytes(frame)
    reference = Unstuffer()
    wanted = reference.feed(raw)
    assert wanted and reference.bad
    found, bad = [], 0

    async def line(ctx):
        nonlocal bad
        body = bytearray()
        for byte in raw:
            ctx.set(deframer.bytes.payload, byte)
            ctx.set(deframer.bytes.valid, 1)
            if ctx.get(deframer.strobe):
                body.append(ctx.get(deframer.data))
            bad += ctx.get(deframer.bad)
            if ctx.get(deframer.good):
                found.append(bytes(body[:-CRC_BYTES]))
            if byte == FLAG:
                body.clear()
            await ctx.tick()
            ctx.set(deframer.bytes.valid, 0)
            if gap:
                await ctx.tick().repeat(gap)

    deframer = Deframer()
    simulate(deframer, line)
    assert found == wanted
    assert bad == reference.bad


@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_the_framer_makes_the_same_bytes(stall):
    contents = frames(7)
    wanted = b"".join(map(stuff, contents))
    framer = Framer()

    async def give(ctx):
        for content in contents:
            await put(ctx, framer.content, [{"data": byte, "last": at == len(content) - 1}
                                            for at, byte in enumerate(content)], stall=stall, rng=random.Random(1))

    async def take(ctx):
        assert bytes(await get(ctx, framer.bytes, len(wanted), stall=stall, rng=random.Random(2))) == wanted

    simulate(framer, give, take)
