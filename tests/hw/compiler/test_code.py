"""Stretches: what lanes do between two barriers, and how it is split."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeroskip.compiler.code import ListJob, Stretch, WeightList, split
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import header

CONFIG = EngineConfig(lanes=2, vector=4, banks=4, map_words=256, list_words=64, instructions=64)
HEAD, BITS = CONFIG.header_words, CONFIG.list_word_bits


def job_of(entries: int, *, vectors: int = 1, number: int = 0) -> ListJob:
    """A job whose list has words of its own."""
    packed = header(CONFIG).pack(bias=number)
    head = [packed >> k * BITS & (1 << BITS) - 1 for k in range(HEAD)]
    words = (*head, *(1000 * number + k for k in range(entries)))
    return ListJob(fields={"vectors": vectors - 1}, list=WeightList(words), cycles=2 * entries * vectors)


def headers(job: ListJob) -> dict[str, int]:
    return header(CONFIG).unpack(sum(word << k * BITS for k, word in enumerate(job.list.words[:HEAD]))
                                 & (1 << header(CONFIG).bits) - 1)


@settings(deadline=None)
@given(lanes=st.lists(st.lists(st.integers(1, 20), max_size=12), min_size=2, max_size=2), words=st.integers(24, 60))
def test_all_is_done_in_order_and_within_the_limits(lanes, words):
    jobs = [[job_of(size, vectors=3, number=1 + number) for number, size in enumerate(own)] for own in lanes]
    whole = Stretch(flags={"release": 1, "step": 3}, lanes=[[7, *jobs[0]], [8, 9, *jobs[1]]])
    found = split(CONFIG, whole, words, 100)
    for lane in range(2):
        assert [one for own in found for one in own.lanes[lane]] == list(whole.lanes[lane])
    assert all(own.most_words <= words for own in found)
    assert found[0].flags == whole.flags and all(own.flags == {"step": 3} for own in found[1:])


def test_lanes_have_the_same_share_of_the_time():
    lanes = [[job_of(8, vectors=2, number=lane * 40 + k) for k in range(32)] for lane in range(2)]
    found = split(CONFIG, Stretch(flags={}, lanes=lanes), 64, 100)
    loads = np.array([[sum(one.cycles for one in lane) for lane in own.lanes] for own in found])
    assert len(found) > 3 and (loads[:, 0] == loads[:, 1]).all()


def test_few_instructions_fit_a_stretch():
    lanes = [[*range(10)], [*range(23)]]
    found = split(CONFIG, Stretch(flags={}, lanes=lanes), 64, 6)
    assert all(own.most_instructions <= 6 for own in found)


@pytest.mark.parametrize(("entries", "pieces"), [(10, 1), (31, 2), (80, 5)])
def test_a_long_list_of_one_vector_is_held_and_resumed(entries, pieces):
    whole = job_of(entries, number=5)
    found = [one for own in split(CONFIG, Stretch(flags={}, lanes=[[whole], []]), 20, 100) for one in own.lanes[0]]
    assert len(found) == pieces and all(len(own.list) <= 20 for own in found)
    assert [word for own in found for word in own.list.words[HEAD:]] == list(whole.list.words[HEAD:])
    assert [headers(own)["resume"] for own in found] == [0] + [1] * (pieces - 1)
    assert [headers(own)["hold"] for own in found] == [1] * (pieces - 1) + [0]
    assert all(headers(own)["bias"] == 5 for own in found)


def test_a_long_list_of_several_vectors_stays_whole():
    whole = job_of(50, vectors=2)
    found = split(CONFIG, Stretch(flags={}, lanes=[[whole], [whole]]), 20, 100)
    assert [one for own in found for one in own.lanes[0]] == [whole]
