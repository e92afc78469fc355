"""The figures of a compiled network add up, and its listing shows them."""

import dataclasses
import hashlib
import itertools
import json

import numpy as np
import pytest
from tests.hw.export.networks import SEEDS, SMALL, drawn, in_parts, sums

from zeroskip.cycles import model
from zeroskip.cycles.account import CLASSES
from zeroskip.export import listing, program_file
from zeroskip.export.compiled import IMAGES, EngineError, compile_network
from zeroskip.export.figures import figures
from zeroskip.spec import config_file


def of(made, name="mine"):
    raw = program_file.content(made.program)
    return figures(made, raw, name), raw


@pytest.mark.parametrize("seed", SEEDS)
def test_cycles_add_up(seed):
    made, _, _ = drawn(seed)
    found, _ = of(made)
    cycles, steps = found["cycles"], found["steps"]
    assert cycles["why"] is None and list(cycles["classes"]) == list(CLASSES)
    assert sum(cycles["classes"].values()) == cycles["latency"] * SMALL.lanes
    assert sum(step["cycles"] for step in steps) == cycles["latency"] and steps[0]["begin"] == 0
    for step, after in itertools.pairwise(steps):
        assert step["begin"] + step["cycles"] == after["begin"]
    for step in steps:
        assert all(sum(lane["classes"].values()) == step["cycles"] for lane in step["lanes"])
        assert all(lane["classes"]["multiplying"] == lane["issued"] for lane in step["lanes"])


@pytest.mark.parametrize("seed", SEEDS)
def test_cycles_are_those_of_a_real_image(seed):
    made, _, images = drawn(seed)
    run = model.run(SMALL, made.decoded, made.program.incoming.words(images[0]))
    found = of(made)[0]["cycles"]
    assert (found["latency"], found["load"]) == (run.total, run.load)
    many = model.run(SMALL, made.decoded, np.concatenate([made.program.incoming.words(images[0])] * IMAGES))
    assert found["interval"] == many.lasts[-1] - many.lasts[-2]


@pytest.mark.parametrize("seed", SEEDS)
def test_maps_lie_in_the_memory_and_those_of_one_time_beside_each_other(seed):
    made, _, _ = drawn(seed)
    found, _ = of(made)
    area = [set(range(own["first_word"], own["first_word"] + own["words"])) for own in found["maps"]]
    for number, own in enumerate(found["maps"]):
        assert max(area[number]) < SMALL.map_words and sum(own["halves"]) == own["words"]
        begin = -1 if own["made_by_step"] is None else own["made_by_step"]
        for other, name in zip(area, found["maps"], strict=True):
            first = -1 if name["made_by_step"] is None else name["made_by_step"]
            if own is not name and begin <= name["last_used_by_step"] and first <= own["last_used_by_step"]:
                assert not area[number] & other
            assert (name["name"] in own["shares_words_with"]) == bool(own is not name and area[number] & other)
    memory = found["memory"]["map"]
    assert memory["touched"] == len(set().union(*area)) and memory["most_at_a_time"] <= memory["touched"]
    assert max(own["words"] for own in found["maps"]) <= memory["most_at_a_time"]


def test_the_figures_say_what_was_compiled_for_what():
    made, network, _ = sums()
    found, raw = of(made)
    assert found["program"] == {"bytes": len(raw), "beats": len(raw) // 8, "beat_bytes": 8,
                                "sha256": hashlib.sha256(raw).hexdigest(), "packets": [len(raw) // 8]}
    assert config_file.parse(found["configuration"], "x") == config_file.ConfigFile(engine=SMALL, name="mine")
    assert found["input"]["shape"] == [3, 9, 7] and found["input"]["phases"] == [2, 2]
    assert found["result"] == {"dtype": "int32", "shape": [5, 5, 4], "words": made.program.setup["result_words"],
                               "words_of_a_channel": made.program.leaving.plane, "pitch": made.program.leaving.pitch}
    assert found["steps"][0]["taps"] == np.count_nonzero(network.steps[0].layer.weight)
    assert found["memory"]["lists"]["words"] == [len(words) for words in made.program.lists]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_looking_ahead_takes_an_image_to_be_timed():
    _, network, images = sums()
    blind = compile_network(SMALL, network, name="x", engine="skip-both")
    found = of(blind)[0]
    assert found["cycles"]["latency"] is None and "no image" in found["cycles"]["why"]
    assert "cycles" not in found["steps"][0] and "not known: looking ahead" in listing.listing(blind, found)
    for image in (images[0], np.zeros_like(images[0])):
        seen = compile_network(SMALL, network, name="x", engine="skip-both", image=image)
        run = model.run(SMALL, seen.decoded, seen.program.incoming.words(image))
        assert of(seen)[0]["cycles"]["latency"] == run.total
    plain = compile_network(SMALL, network, name="x", image=images[0])
    assert of(plain)[0]["cycles"] == of(sums()[0])[0]["cycles"]


def test_an_engine_that_a_configuration_does_not_have():
    with pytest.raises(EngineError, match="skip-both needs a configuration that looks at 2 or more entries in a cycle"):
        drawn(1, dataclasses.replace(SMALL, look=1), engine="skip-both")


def test_a_program_that_the_model_does_not_run_has_no_cycles(monkeypatch):
    def refuse(*_, **__):
        raise model.ModelError("too many words wait for the write bus (cycle 7)")

    monkeypatch.setattr(model, "run", refuse)
    made, _, _ = sums()
    assert made.timing is None
    assert of(made)[0]["cycles"]["why"] == ("the cycle model does not run it: too many words wait for the write bus "
                                            "(cycle 7)")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_listing_has_every_map_step_and_instruction(seed):
    made, _, _ = drawn(seed)
    found, _ = of(made)
    lines = listing.listing(made, found).splitlines()
    assert max(map(len, lines)) < 260 and all(line.isprintable() for line in lines)
    part = {title: at for at, title in enumerate(lines) if lines[at + 1:at + 2] == ["-" * len(title)]}
    assert list(part) == ["Configuration", "Program", "Memory", "Cycles", "Streams", "Maps", "Steps", "Jobs by lane",
                          "Instructions"]
    for own in found["maps"]:
        last = own["first_word"] + own["words"] - 1
        assert any(f"{own['first_word']}..{last}" in line for line in lines[part["Maps"]:part["Steps"]])
    for own in found["steps"]:
        assert any(line.split()[:2] == [str(own["number"]), own["name"]] and f" {own['cycles']:,} " in line
                   for line in lines[part["Steps"]:part["Jobs by lane"]])
    shown = [line for line in lines[part["Instructions"]:] if line[:8].strip().isdigit()]
    tables = sum(len(words) for words in made.program.tables.values())
    assert len(shown) == sum(words - tables for words in found["memory"]["instructions"]["words"])
    assert any(f"{found['cycles']['latency']:,} cycles, from its first beat" in line for line in lines)


def test_names_that_could_harm_a_terminal_are_shown_as_escapes():
    _, network, _ = sums()
    steps = tuple(dataclasses.replace(step, name="a\x1b[2J\n*/" + "b" * 300) for step in network.steps)
    made = compile_network(SMALL, dataclasses.replace(network, steps=steps), name="x")
    shown = listing.listing(made, of(made)[0])
    assert "\x1b" not in shown and "b" * 100 not in shown


def test_a_program_in_parts_has_all_its_jobs():
    """Of every step the lanes' vectors are those of all filters' planes; the issued entries are those of the model."""
    made, _, _ = in_parts()
    found, raw = of(made)
    assert found["program"]["packets"] == [len(made.program.beats()), *map(len, made.program.part_beats())]
    assert sum(found["program"]["packets"]) * made.config.banks == len(raw)
    for step in found["steps"]:
        lanes = step["lanes"]
        assert sum(lane["vectors"] for lane in lanes) == step["filters"] * step["vectors_of_a_plane"]
        assert sum(lane["issued"] for lane in lanes) == step["classes"]["multiplying"]
