"""What is wrong with a tree, by a JSON schema, in plain words.

The messages of jsonschema quote what they find, which may be a password, so
they are made here: from the key ``description`` of the schema, which says
what is wanted, and from the type of what is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema

from osc_instanceha.config import document
from osc_instanceha.config import problems as problems_

_TYPES = (
    (bool, 'a boolean'),
    ((int, float), 'a number'),
    (str, 'a text'),
    (list, 'a list'),
    (dict, 'a mapping'),
)


def check(
    schema: Mapping[str, Any],
    node: document.Node,
    path: problems_.Path,
    problems: problems_.Problems,
) -> bool:
    """Whether the tree at this path is as its schema says."""
    fine = True
    validator = jsonschema.Draft202012Validator(schema)
    for error in validator.iter_errors(node.plain()):
        fine = False
        found = node.at(tuple(error.absolute_path))
        inside = (*path, *error.absolute_path)
        if error.validator == 'additionalProperties':
            known = error.schema['properties']
            for key, child in found.items():
                if key not in known:
                    problems.add(
                        child.mark,
                        (*inside, key),
                        f'unknown key; {problems_.meant(key, known)}',
                    )
        else:
            problems.add(found.mark, inside, _words(error, inside))
    return fine


def _words(error: Any, path: problems_.Path) -> str:
    value = error.instance
    wanted = error.schema['description']
    if value is None:
        return f'has no value; write {wanted}, or leave the key out'
    if error.validator == 'enum' and isinstance(value, str):
        cure = problems_.meant(value, error.schema['enum'])
        return f'{problems_.shown(value, path)} is no choice here; {cure}'
    if error.validator in ('minimum', 'maximum', 'exclusiveMinimum'):
        return f'is out of range; write {wanted}'
    if error.validator == 'minLength':
        return f'is empty; write {wanted}'
    if error.validator != 'type':
        return f'does not fit; write {wanted}'
    types = error.schema['type']
    types = [types] if isinstance(types, str) else types
    if 'string' in types and 'integer' not in types:
        if isinstance(value, (bool, int, float)):
            return f'YAML reads it as {_type(value)}; write {wanted}: quote it'
        if isinstance(value, dict):
            return f'is a mapping; write {wanted}: quote what begins with {{'
    return f'is {_type(value)}; write {wanted}'


def _type(value: Any) -> str:
    for kind, name in _TYPES:
        if isinstance(value, kind):
            return name
    raise AssertionError(f'{type(value)} is not of JSON')
