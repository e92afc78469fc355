import pytest

from zerokeep.errors import UserError, check_count, check_ratio


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_ratio_in_range(value):
    assert check_ratio("share", value) == float(value)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_ratio_out_of_range(value):
    with pytest.raises(UserError, match=r"^share must be from 0 to 1, not "):
        check_ratio("share", value)


def test_ratio_below_one():
    with pytest.raises(UserError, match=r"^share must be from 0 to less than 1, not 1$"):
        check_ratio("share", 1, below_one=True)


@pytest.mark.parametrize("value", ["much", "0.25", True, None, [], 10**400])
def test_ratio_no_number(value):
    with pytest.raises(UserError, match=r"^share must be a number from 0 to 1, not "):
        check_ratio("share", value)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2"])
def test_count(value):
    assert check_count("epochs", 1, 1) == 1
    with pytest.raises(UserError, match=r"^epochs must be a whole number of at least 1, not "):
        check_count("epochs", value, 1)
