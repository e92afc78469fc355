"""Cutting a step into jobs: every vector of every filter once, at allowed places, and lanes that end together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeroskip.compiler.jobs import Job, cut


def covered(found: list[list[Job]], filters: int, vectors: int) -> np.ndarray:
    """How often each vector of each filter is computed."""
    count = np.zeros((filters, vectors), int)
    for jobs in found:
        for job in jobs:
            count[job.filter, job.first:job.first + job.count] += 1
    return count


@settings(deadline=None)
@given(costs=st.lists(st.integers(1, 60), min_size=1, max_size=40), vectors=st.integers(1, 30),
       lanes=st.integers(1, 9), unit=st.integers(1, 7))
def test_every_vector_is_computed_once_and_jobs_begin_at_cuts(costs, vectors, lanes, unit):
    cuts = np.append(np.arange(0, vectors, unit), vectors)
    found = cut(costs, cuts, lanes)
    assert len(found) == lanes
    assert (covered(found, len(costs), vectors) == 1).all()
    assert all(job.first in cuts and job.first + job.count in cuts and job.count > 0 for jobs in found for job in jobs)


@settings(deadline=None)
@given(costs=st.lists(st.integers(1, 60), min_size=1, max_size=40), vectors=st.integers(1, 30),
       lanes=st.integers(1, 9))
def test_no_lane_works_longer_than_its_share_and_one_vector(costs, vectors, lanes):
    found = cut(costs, np.arange(vectors + 1), lanes)
    loads = [sum(costs[job.filter] * job.count for job in jobs) for jobs in found]
    assert sum(loads) == sum(costs) * vectors
    assert max(loads) <= sum(costs) * vectors / lanes + max(costs)


def test_planes_that_cannot_be_cut_go_to_lanes_whole():
    found = cut([5, 4, 3, 3, 3], np.array([0, 10]), 2)
    assert sorted(sum(job.count for job in jobs) for jobs in found) == [20, 30]
    assert sorted([5, 4, 3, 3, 3][job.filter] for job in found[0]) in ([4, 5], [3, 3, 3])


@pytest.mark.parametrize("lanes", [1, 3])
def test_more_lanes_than_filters_leaves_lanes_without_jobs(lanes):
    found = cut([7], np.array([0, 1]), lanes)
    assert sorted(len(jobs) for jobs in found) == [0] * (lanes - 1) + [1]
