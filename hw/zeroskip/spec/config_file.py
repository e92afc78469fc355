"""A configuration as a JSON file: any shape of the array, beside the named presets.

The file is one object:

- ``format``: ``"zerokeep-config"``, and ``schema``: 1.
- ``name``: what designs and reports call it; may be left out.
- ``engine``: every parameter of `EngineConfig` by its name; one that has a default may be left out.

Another array beside the vector engine, such as the dense one of equal size, gets a section of its own: a key in
`SECTIONS` with the dataclass that checks it and what its parameters may be, and a field of the same name in
`ConfigFile` whose default is ``None``. Reading, writing and all messages follow from these two. Files of today stay
valid, so the schema keeps its number.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from zeroskip.files.names import shown
from zeroskip.files.reading import ReadError, read_json
from zeroskip.files.writing import write_json
from zeroskip.spec.config import CHOICES, LIMITS, POWERS, EngineConfig

FORMAT = "zerokeep-config"
SCHEMA = 1
MOST_BYTES = 1 << 16
"""Of a file: no configuration takes a tenth of it."""
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
"""What may be part of the names of files and of modules."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the file that describes one array.

    Parameters
    ----------
    kind
        The dataclass of its parameters, which are integers and truth values, and which checks them.
    limits
        The least and the largest value of a parameter, by its name.
    choices
        Where only some values will do: which.
    powers
        Names of those that must be powers of two.
    """

    kind: type
    limits: Mapping[str, tuple[int, int]]
    choices: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    powers: tuple[str, ...] = ()

    def wants(self, name: str) -> type:
        """The type of a parameter."""
        return bool if isinstance(self.kind.__dataclass_fields__[name].default, bool) else int  # type: ignore[attr-defined]

    def expected(self, name: str) -> str:
        """In words, what a parameter may be.

        >>> SECTIONS["engine"].expected("look"), SECTIONS["engine"].expected("banks")
        ('1, 2, 4 or 8', 'a power of two in 4..32')
        """
        if self.wants(name) is bool:
            return "true or false"
        if name in self.choices:
            *first, last = map(str, self.choices[name])
            return f"{', '.join(first)} or {last}"
        low, high = self.limits[name]
        return f"a {'power of two' if name in self.powers else 'whole number'} in {low}..{high}"


SECTIONS: Mapping[str, Section] = {
    "engine": Section(kind=EngineConfig, limits=LIMITS, choices=CHOICES, powers=POWERS)}
"""The arrays that a file may describe, by key; see this module's docstring for how to add one."""
NEEDED = ("engine",)
"""Sections without which there is no configuration."""


class ConfigFileError(ReadError):
    """A file that is no configuration: one sentence with the file, the key, what was found and what is expected."""


@dataclass(frozen=True, kw_only=True)
class ConfigFile:
    """What such a file says.

    Parameters
    ----------
    engine
        The vector engine.
    name
        Of the configuration, if it has one: letters, digits, ``_`` and ``-``, a letter first, at most 40.
    """

    engine: EngineConfig
    name: str | None = None


def write(path: str | os.PathLike[str], content: ConfigFile) -> None:
    """Write the file whole or not at all, every parameter by its name.

    Raises
    ------
    ValueError
        The name is not one that can be read back.
    OSError
        It cannot be written.
    """
    if content.name is not None and NAME.fullmatch(content.name) is None:
        raise ValueError(f"name is {shown(repr(content.name), 60)}, expected {_NAME_WANTED}")
    write_json(path, document(content))


def document(content: ConfigFile) -> dict[str, Any]:
    """The object that the file holds."""
    named = {} if content.name is None else {"name": content.name}
    found = {key: own for key in SECTIONS if (own := getattr(content, key)) is not None}
    return {"format": FORMAT, "schema": SCHEMA, **named, **{key: asdict(own) for key, own in found.items()}}


def read(path: str | os.PathLike[str]) -> ConfigFile:
    """Read and check such a file.

    Raises
    ------
    ReadError
        It cannot be read, or is no JSON.
    ConfigFileError
        It is no configuration.
    """
    return parse(read_json(path, MOST_BYTES), shown(os.fspath(path)))


def parse(value: Any, file: str) -> ConfigFile:
    """What a value of JSON says; `file` is what messages call its source.

    Raises
    ------
    ConfigFileError
        It is no configuration.
    """
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ConfigFileError(f"{file}: format: found {_found(value, 'format')}, expected an object with {FORMAT!r}")
    if type(value.get("schema")) is not int or value["schema"] != SCHEMA:
        raise ConfigFileError(f"{file}: schema: found {_found(value, 'schema')}, this program reads version {SCHEMA}")
    known = ("format", "schema", "name", *SECTIONS)
    _check_known(value, known, file, "")
    for key in NEEDED:
        if key not in value:
            raise ConfigFileError(f"{file}: {key}: found nothing, expected an object with its parameters")
    name = value.get("name")
    if "name" in value and (not isinstance(name, str) or NAME.fullmatch(name) is None):
        raise ConfigFileError(f"{file}: name: found {_found(value, 'name')}, expected {_NAME_WANTED}")
    sections = {key: _section(value[key], own, file, key) for key, own in SECTIONS.items() if key in value}
    return ConfigFile(name=name, **sections)


_NAME_WANTED = "a letter, then letters, digits, '_' or '-', 40 in all at most"


def _found(value: Any, key: str) -> str:
    """What there is under a key, for a message."""
    if not isinstance(value, dict):
        return shown(repr(value), 60)
    return shown(repr(value[key]), 60) if key in value else "nothing"


def _check_known(value: Mapping[str, Any], known: tuple[str, ...], file: str, prefix: str) -> None:
    for key in value:
        if key not in known:
            raise ConfigFileError(f"{file}: {prefix}{shown(key, 60)}: found a key that is not known, expected one of "
                                  f"{', '.join(known)}")


def _section(value: Any, section: Section, file: str, key: str) -> Any:
    """One array's parameters, checked by its dataclass."""
    if not isinstance(value, dict):
        raise ConfigFileError(f"{file}: {key}: found {shown(repr(value), 60)}, expected an object with its parameters")
    own = {parameter.name: parameter for parameter in fields(section.kind)}
    _check_known(value, tuple(own), file, f"{key}.")
    for name, parameter in own.items():
        if name not in value and parameter.default is not MISSING:
            continue
        if name not in value or type(value[name]) is not section.wants(name):
            raise ConfigFileError(f"{file}: {key}.{name}: found {_found(value, name)}, expected "
                                  f"{section.expected(name)}")
    try:
        return section.kind(**value)
    except (TypeError, ValueError) as error:
        # The dataclass names its parameter first, then what it expects and what it found.
        raise ConfigFileError(f"{file}: {key}.{shown(error, 200)}") from None
