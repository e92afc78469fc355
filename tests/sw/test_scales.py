import math
from fractions import Fraction

import numpy as np
import pytest

from zerokeep.errors import UserError
from zerokeep.scales import activation_scale, multiplier_and_shift, multipliers_and_shift
from zeroskip import reference


def test_multiplier_and_shift_over_the_range():
    generator = np.random.default_rng(0)
    exponents = np.repeat(np.arange(-45, 15), 60)
    scales = np.ldexp(generator.uniform(0.5, 1.0, exponents.size), exponents)
    for scale in [*scales, 2.0**-41, 2.0**-25, 1 - 2.0**-53, 1.0, 0.5, 32767.0, 32767.5]:
        multiplier, shift = multiplier_and_shift(float(scale))
        assert 1 <= multiplier <= 65535
        assert 1 <= shift <= 40
        exact, found = Fraction(float(scale)), Fraction(multiplier, 1 << shift)
        if exact >= Fraction(1, 1 << 25):
            assert abs(found - exact) / exact <= Fraction(1, 1 << 16), scale
        elif exact >= Fraction(1, 1 << 41):
            assert abs(found - exact) <= Fraction(1, 1 << 41), scale
        else:
            assert (multiplier, shift) == (1, 40)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf"), 32768.0])
def test_no_multiplier_for(scale):
    with pytest.raises(UserError, match="a requantisation scale"):
        multiplier_and_shift(scale)


def test_requantisation_against_exact_fractions():
    """Every accumulator near every code boundary: the integers equal the exactly rounded product, half up."""
    for scale in (0.0123, 1 / 3, 2.0**-7, 0.9999, 3.7):
        multiplier, shift = multiplier_and_shift(scale)
        exact = Fraction(multiplier, 1 << shift)
        edges = np.array([int((Fraction(2 * code + 1, 2)) / exact) for code in range(-3, 259)])
        sums = np.unique((edges[:, None] + np.arange(-2, 3)).ravel())
        found = reference.requantise(sums[None, None], np.array([multiplier]), np.array([shift]), 0, 255)[0, 0]
        rounded = [math.floor(int(value) * exact + Fraction(1, 2)) for value in sums]
        assert found.tolist() == [min(max(code, 0), 255) for code in rounded]


def test_activation_scale():
    even = np.arange(256.0)
    assert activation_scale(even) == pytest.approx(1.0)
    assert activation_scale(np.zeros(5)) == pytest.approx(1 / 255)
    outlier = np.concatenate([np.tile(np.linspace(0, 1, 1000), 200), [2.0]])
    assert 1 / 255 < activation_scale(outlier) < 1.9 / 255


def test_a_scale_knows_every_column_of_the_map():
    """Only column 5 of 32 is large: every eighth value would never be of it."""
    rng = np.random.default_rng(0)
    values = rng.uniform(0.01, 1.0, (512, 4, 32, 32)).astype(np.float32)
    values[..., 5] *= 10
    assert 8 / 255 < activation_scale(values) <= 10 / 255


def test_several_multipliers_share_a_shift():
    multipliers, shift = multipliers_and_shift([0.3, 1.7, 0.001])
    assert max(multipliers) >= 32768
    np.testing.assert_allclose(np.array(multipliers) / 2.0**shift, [0.3, 1.7, 0.001], atol=2.0**-shift / 2)


def test_activation_scale_of_signed_numbers():
    assert activation_scale(np.arange(-127.0, 128), "int8") == pytest.approx(1.0)
    assert activation_scale(np.zeros(5), "int8") == pytest.approx(1 / 127)
