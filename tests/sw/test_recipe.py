import pytest

from zerokeep.criteria import CRITERIA
from zerokeep.errors import UserError
from zerokeep.recipe import Recipe


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"criterion": "biggest"}, f"unknown criterion 'biggest'; there is {', '.join(CRITERIA)}"),
        ({"zero_ratio": 1.01}, "zero ratio must be from 0 to 1, not 1.01"),
        ({"first_zero_ratio": -1}, "first zero ratio must be from 0 to 1, not -1"),
        ({"linear_zero_ratio": 2}, "linear zero ratio must be from 0 to 1, not 2"),
        ({"filter_ratio": 1.0}, "filter ratio must be from 0 to less than 1, not 1.0"),
        ({"epochs": -1}, "epochs must be a whole number of at least 0, not -1"),
        ({"threshold": "size"}, "unknown threshold 'size'; there is layer, global, deviation, cycles"),
        ({"schedule": "slow"}, "unknown schedule 'slow'; there is one-shot, gradual"),
        ({"precision": "half"}, "unknown precision 'half'; there is float32, bfloat16"),
        ({"threshold": "deviation", "zero_ratio": 11}, "zero ratio must be from 0 to 10 standard deviations, not 11"),
        ({"nzer_orig": 0.0}, "nzer_orig must be above 0, not 0.0"),
        ({"qat_epochs": -1}, "qat epochs must be a whole number of at least 0, not -1"),
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
    assert [recipe.epochs_for(n) for n in (60_000, 100_000, 6_000, 25_000, 100)] == [12, 7, 40, 28, 40]
    assert Recipe(epochs=3).epochs_for(60_000) == 3
    assert Recipe(zero_ratio=0, filter_ratio=0).epochs_for(60_000) == 0
    assert Recipe(zero_ratio=0, criterion="zeros-only").epochs_for(60_000) == 0
    assert Recipe(zero_ratio=0).epochs_for(60_000) == 12


def test_ratios_by_layer():
    recipe = Recipe(zero_ratio=0.8, first_zero_ratio=0.3, linear_zero_ratio=0.9)
    assert recipe.limits([("c", "conv"), ("d", "conv"), ("l", "linear")]) == {"c": 0.3, "l": 0.9}
    assert recipe.limits([("l", "linear")]) == {"l": 0.9}


def test_what_prunes():
    assert not Recipe.unpruned().removes_filters
    assert not Recipe.unpruned().prunes
    assert Recipe(criterion="filters-only", filter_ratio=0).removes_filters
    assert Recipe(criterion="zeros-only").prunes
    assert not Recipe(criterion="zeros-only").removes_filters


def test_a_criterion_may_have_its_own_threshold():
    assert Recipe(criterion="zero-keep-cycles", threshold="layer").line == "cycles"
    assert Recipe(threshold="global").line == "global"


def test_what_is_written_down():
    recipe = Recipe(criterion="l1", filter_ratio=0.5, distil=False, seed=3)
    assert recipe.as_dict(6_000)["epochs"] == 40
    assert recipe.options(6_000) == (
        "--criterion l1 --threshold layer --zero-ratio 0.9 --first-zero-ratio 0.3 --linear-zero-ratio 0.6 "
        "--filter-ratio 0.5 --schedule gradual --epochs 40 --no-distil --qat-epochs 0 --shift 0 "
        "--precision float32 --seed 3"
    )
