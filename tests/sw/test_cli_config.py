"""The options that name a configuration."""

import pytest

from zerokeep.cli_config import DEFAULT, engine_config
from zerokeep.errors import UserError
from zeroskip.files.reading import ReadError
from zeroskip.spec import config_file
from zeroskip.spec.config import BY_MULTIPLIERS, PRESETS, EngineConfig
from zeroskip.spec.config_file import ConfigFile, ConfigFileError

ODD = EngineConfig(lanes=3, vector=4)


def test_a_preset_by_name_by_size_or_by_default():
    assert engine_config(None, None, None) == (PRESETS[DEFAULT], DEFAULT) == (PRESETS["base"], "base")
    for name, config in PRESETS.items():
        assert engine_config(name, None, None) == (config, name)
    for number, name in BY_MULTIPLIERS.items():
        assert engine_config(None, number, None) == (PRESETS[name], name)


@pytest.mark.parametrize("name", [None, "mine"])
def test_a_file(tmp_path, name):
    path = tmp_path / "shape.json"
    config_file.write(path, ConfigFile(engine=ODD, name=name))
    assert engine_config(None, None, path) == (ODD, name)


@pytest.mark.parametrize(("options", "sentence"), [
    (("huge", None, None), "preset must be one of tiny, small, base, large, fine, not 'huge'"),
    (("", None, None), "preset must be one of tiny, small, base, large, fine, not ''"),
    ((None, 5, None), "multipliers must be one of 4, 16, 64, 128, not 5"),
    (("tiny", 4, None), "give --preset or --multipliers, not both"),
    (("tiny", None, "x"), "give --preset or --config, not both"),
    ((None, 4, "x"), "give --multipliers or --config, not both"),
    (("tiny", 4, "x"), "give --preset or --multipliers or --config, not all"),
])
def test_refusals(options, sentence):
    with pytest.raises(UserError) as caught:
        engine_config(*options)
    assert str(caught.value) == sentence


def test_a_long_name_is_cut():
    with pytest.raises(UserError) as caught:
        engine_config("x" * 10_000, None, None)
    assert len(str(caught.value)) < 200


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(ReadError, match=r"shape\.json: no such file$"):
        engine_config(None, None, tmp_path / "shape.json")
    (tmp_path / "shape.json").write_text("{}")
    with pytest.raises(ConfigFileError, match=r"shape\.json: format: found nothing"):
        engine_config(None, None, tmp_path / "shape.json")
