"""Configurations by the command line's options."""

import pytest

from zerokeep import cli
from zerokeep.cli_shape import configuration
from zerokeep.errors import UserError
from zeroskip.config import PRESETS, as_options, derive


def named(options):
    """What the options of a command line name."""
    words = options.split()
    given = dict(zip(words[::2], words[1::2], strict=True))
    settings = [value for name, value in zip(words[::2], words[1::2], strict=True) if name == "--set"]
    numbers = [int(given[name]) if name in given else None for name in ("--groups", "--lanes", "--pixels")]
    return configuration(given.get("--preset"), None, *numbers, settings or None)


@pytest.mark.parametrize("config", [*PRESETS.values(), derive(groups=1, lanes=8, pixels=2), derive(
    groups=8, lanes=2, pixels=8, output_units=1, result_rows=32, map_positions=8192)])
def test_options_name_the_configuration(config):
    assert named(as_options(config)) == config


def test_presets_and_none():
    assert configuration(None, None, None, None, None, None) == PRESETS["base"]
    assert configuration(None, 16, None, None, None, None) == PRESETS["small"]
    assert as_options(PRESETS["large"]) == "--preset large"


@pytest.mark.parametrize(("given", "text"), [
    ((None, None, 4, 4, None, None), "--groups, --lanes and --pixels go together, and --set goes with them"),
    (("base", None, None, None, None, ["words=64"]), "--groups, --lanes and --pixels go together"),
    (("tiny", None, 1, 1, 1, None), "give a preset or a shape, not both"),
    (("huge", None, None, None, None, None), "preset must be one of tiny"),
    ((None, None, 3, 1, 1, None), "groups must be a power of two, not 3"),
    ((None, None, 0, 1, 1, None), "groups must be a positive integer, not 0"),
    ((None, None, 1, 1, 1, ["words"]), "--set words: the value must be a whole number"),
    ((None, None, 1, 1, 1, ["lanes=2"]), "--set lanes=2: the name must be one of output_units, dense_filters"),
    ((None, None, 1, 1, 1, ["words=12"]), "words must be a power of two, not 12"),
])
def test_bad_input(given, text):
    with pytest.raises(UserError) as error:
        configuration(*given)
    assert str(error.value).startswith(text)


def test_generate_takes_a_shape(tmp_path):
    shape = ["--groups", "1", "--lanes", "1", "--pixels", "1", "--set", "list_entries=256"]
    assert cli.main(["generate", *shape, "--engine", "skip-both", "-o", str(tmp_path)]) == 0
    assert '"list_entries": 256' in (tmp_path / "zerokeep_1_zero_skip.json").read_text()
