import pytest

from zerokeep.errors import UserError
from zerokeep.recipe import CRITERIA, Recipe


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"criterion": "biggest"}, "unknown criterion 'biggest'; there is zero-keep, random, most-zeros, l1, none"),
        ({"zero_ratio": 1.01}, "zero ratio must be from 0 to 1, not 1.01"),
        ({"first_zero_ratio": -1}, "first zero ratio must be from 0 to 1, not -1"),
        ({"linear_zero_ratio": 2}, "linear zero ratio must be from 0 to 1, not 2"),
        ({"filter_ratio": 1.0}, "filter ratio must be from 0 to less than 1, not 1.0"),
        ({"epochs": -1}, "epochs must be a whole number of at least 0, not -1"),
        ({"seed": -1}, "seed must be a whole number of at least 0, not -1"),
    ],
)
def test_range_checks(values, message):
    with pytest.raises(UserError) as caught:
        Recipe(**values)
    assert str(caught.value) == message


def test_every_criterion_is_accepted():
    assert [Recipe(criterion=name).criterion for name in CRITERIA] == list(CRITERIA)


def test_default_epochs_see_no_more_images_than_the_full_set():
    recipe = Recipe()
    assert [recipe.epochs_for(n) for n in (60_000, 100_000, 6_000, 25_000, 100)] == [1, 1, 10, 2, 10]
    assert Recipe(epochs=3).epochs_for(60_000) == 3
    assert Recipe(zero_ratio=0, filter_ratio=0).epochs_for(60_000) == 0
    assert Recipe(zero_ratio=0, criterion="none").epochs_for(60_000) == 0
    assert Recipe(zero_ratio=0).epochs_for(60_000) == 1


def test_ratios_by_layer():
    recipe = Recipe(zero_ratio=0.8, first_zero_ratio=0.3, linear_zero_ratio=0.9)
    assert recipe.zero_ratio_of("conv", first=True) == 0.3
    assert recipe.zero_ratio_of("conv", first=False) == 0.8
    assert recipe.zero_ratio_of("linear", first=False) == 0.8
    plain = Recipe.unpruned()
    assert {plain.zero_ratio_of(op, first=first) for op in ("conv", "linear") for first in (True, False)} == {0}
    assert not plain.removes_filters


def test_what_is_written_down():
    recipe = Recipe(criterion="l1", filter_ratio=0.5, distil=False, seed=3)
    assert recipe.as_dict(6_000)["epochs"] == 10
    assert recipe.options(6_000) == (
        "--criterion l1 --zero-ratio 0.85 --first-zero-ratio 0.3 --linear-zero-ratio 0.6 --filter-ratio 0.5 "
        "--epochs 10 --no-distil --seed 3"
    )
