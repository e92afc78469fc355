"""Configurations as files: what is written comes back, and what is none is refused by one sentence."""

import json
from dataclasses import asdict, fields

import pytest

from zeroskip.files.reading import ReadError
from zeroskip.spec import config_file
from zeroskip.spec.config import PRESETS, EngineConfig
from zeroskip.spec.config_file import ConfigFile, ConfigFileError

ODD = EngineConfig(lanes=7, vector=8, look=4, ways=2, banks=32, map_words=1 << 15, list_words=16, instructions=64,
                   acc_width=22, pool_columns=1, out_words=256, even=False)


def changed(tmp_path, **changes):
    """A file of a preset with other keys; ``None`` takes one away, `engine` changes parameters."""
    document = config_file.document(ConfigFile(engine=PRESETS["base"], name="mine"))
    document["engine"] |= changes.pop("engine", {})
    document["engine"] = {key: value for key, value in document["engine"].items() if value is not None}
    document = {key: value for key, value in (document | changes).items() if value is not None}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("config", [*PRESETS.values(), ODD])
@pytest.mark.parametrize("name", [None, "my-shape_2"])
def test_what_is_written_comes_back(tmp_path, config, name):
    path = tmp_path / "shape.json"
    config_file.write(path, ConfigFile(engine=config, name=name))
    assert config_file.read(path) == ConfigFile(engine=config, name=name)
    document = json.loads(path.read_text())
    assert document["format"] == "zerokeep-config" and document["schema"] == 1
    assert document["engine"] == asdict(config) and ("name" in document) == (name is not None)


def test_what_has_a_default_may_be_left_out(tmp_path):
    (tmp_path / "least.json").write_text(
        '{"format": "zerokeep-config", "schema": 1, "engine": {"lanes": 3, "vector": 4}}')
    assert config_file.read(tmp_path / "least.json") == ConfigFile(engine=EngineConfig(lanes=3, vector=4))


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"format": "zerokeep-model"}, "format: found 'zerokeep-model', expected an object with 'zerokeep-config'"),
    ({"format": None}, "format: found nothing, expected an object with 'zerokeep-config'"),
    ({"schema": 2}, "schema: found 2, this program reads version 1"),
    ({"schema": True}, "schema: found True, this program reads version 1"),
    ({"schema": None}, "schema: found nothing, this program reads version 1"),
    ({"name": "a b"}, "name: found 'a b', expected a letter, then letters, digits, '_' or '-', 40 in all at most"),
    ({"name": 3}, "name: found 3, expected a letter, then letters, digits, '_' or '-', 40 in all at most"),
    ({"lanes": 4}, "lanes: found a key that is not known, expected one of format, schema, name, engine"),
    ({"engine": {"lane": 4}}, "engine.lane: found a key that is not known, expected one of "
     + ", ".join(field.name for field in fields(EngineConfig))),
    ({"engine": {"lanes": None}}, "engine.lanes: found nothing, expected a whole number in 1..64"),
    ({"engine": {"vector": None}}, "engine.vector: found nothing, expected 1, 2, 4, 8, 16 or 32"),
    ({"engine": {"lanes": 4.0}}, "engine.lanes: found 4.0, expected a whole number in 1..64"),
    ({"engine": {"look": "2"}}, "engine.look: found '2', expected 1, 2, 4 or 8"),
    ({"engine": {"map_words": True}}, "engine.map_words: found True, expected a power of two in 4..1048576"),
    ({"engine": {"even": 1}}, "engine.even: found 1, expected true or false"),
    ({"engine": {"lanes": 65}}, "engine.lanes must be in 1..64, not 65"),
    ({"engine": {"lanes": 0}}, "engine.lanes must be a positive integer, not 0"),
    ({"engine": {"look": 3}}, "engine.look must be one of 1, 2, 4, 8, not 3"),
    ({"engine": {"map_words": 5000}}, "engine.map_words must be a power of two, not 5000"),
    ({"engine": {"banks": 8}}, "engine.banks must be at least the 16 positions of a vector, not 8"),
    ({"engine": {"lanes": 10**2000}}, "engine.lanes must be in 1..64, not 1000"),
])
def test_what_is_no_configuration_is_one_sentence(tmp_path, changes, sentence):
    path = changed(tmp_path, **changes)
    with pytest.raises(ConfigFileError) as caught:
        config_file.read(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: {sentence}") and len(text) < 500 and "\n" not in text
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("value", ["[]", "3", "null", '"zerokeep-config"'])
def test_what_is_no_object_is_refused(tmp_path, value):
    (tmp_path / "x.json").write_text(value)
    with pytest.raises(ConfigFileError, match="expected an object with 'zerokeep-config'"):
        config_file.read(tmp_path / "x.json")


def test_a_section_must_be_an_object(tmp_path):
    path = changed(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"engine": [4, 16]}))
    with pytest.raises(ConfigFileError, match=r"engine: found \[4, 16\], expected an object with its parameters"):
        config_file.read(path)
    path.write_text('{"format": "zerokeep-config", "schema": 1}')
    with pytest.raises(ConfigFileError, match="engine: found nothing, expected an object with its parameters"):
        config_file.read(path)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"", b'{"format": "zerokeep-config", "format": 1}',
                                     b"[" * 100_000, b'{"schema": NaN}'])
def test_what_is_no_json_names_the_file(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ReadError, match=r"x\.json: "):
        config_file.read(tmp_path / "x.json")


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = changed(tmp_path)
    path.write_text(path.read_text() + " " * config_file.MOST_BYTES)
    with pytest.raises(ReadError, match=r"at most 64\.0 KB are read"):
        config_file.read(path)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(ReadError, match="no such file"):
        config_file.read(tmp_path / "none.json")
    with pytest.raises(ReadError, match="found a folder, expected a file"):
        config_file.read(tmp_path)


def test_a_name_that_cannot_be_read_back_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"name is '\.\./x', expected a letter"):
        config_file.write(tmp_path / "x.json", ConfigFile(engine=ODD, name="../x"))
    assert not list(tmp_path.iterdir())


def test_every_section_is_a_field_of_the_file_and_says_what_it_expects():
    assert set(config_file.SECTIONS) <= {field.name for field in fields(ConfigFile)}
    for section in config_file.SECTIONS.values():
        assert all(section.expected(field.name) for field in fields(section.kind))


def test_another_array_gets_a_section_by_a_key_and_a_field(tmp_path, monkeypatch):
    from dataclasses import dataclass

    from zeroskip.spec.dense import LIMITS, POWERS, DenseConfig

    @dataclass(frozen=True, kw_only=True)
    class Both(ConfigFile):
        dense: DenseConfig | None = None

    section = config_file.Section(kind=DenseConfig, limits=LIMITS, powers=POWERS)
    monkeypatch.setattr(config_file, "SECTIONS", {**config_file.SECTIONS, "dense": section})
    monkeypatch.setattr(config_file, "ConfigFile", Both)
    both = Both(engine=ODD, dense=DenseConfig(filters=8, pixels=4), name="pair")
    config_file.write(tmp_path / "pair.json", both)
    assert config_file.read(tmp_path / "pair.json") == both
    config_file.write(tmp_path / "one.json", Both(engine=ODD))
    assert config_file.read(tmp_path / "one.json") == Both(engine=ODD)
