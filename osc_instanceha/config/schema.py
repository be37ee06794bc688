"""What may stand in instanceha.yaml, as JSON schemas.

Each has a ``description``: what is wanted, as the object of "write".
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from osc_instanceha.fencing import driver
from osc_instanceha.fencing import specification

Schema = dict[str, Any]

#: A day: longer is a typing mistake.
_LONGEST = 86400

TEXT: Schema = {'type': 'string', 'minLength': 1, 'description': 'a text'}
BOOLEAN: Schema = {'type': 'boolean', 'description': 'true or false'}
INTEGER: Schema = {'type': 'integer', 'description': 'a whole number'}
PATH: Schema = {**TEXT, 'description': 'the path of a file'}
VARIABLE: Schema = {
    'type': 'string',
    'pattern': r'^[^=\s]+$',
    'description': 'the name of an environment variable',
}


def _mapping(properties: Mapping[str, Schema], **more: Any) -> Schema:
    return {
        'type': 'object',
        'properties': dict(properties),
        'additionalProperties': False,
        'description': f'a mapping with {" or ".join(list(properties)[:2])}',
        **more,
    }


def _texts(what: str) -> Schema:
    return {
        'type': 'array',
        'items': {**TEXT, 'description': f'one of the {what}'},
        'description': f'a list of {what}: [one, another]',
    }


def _at_least(least: int, kind: str) -> Schema:
    what = 'a whole number' if kind == 'integer' else 'seconds as a number'
    return {
        'type': kind,
        'minimum': least,
        'maximum': 10**9,
        'description': f'{what} of at least {least}',
    }


#: Lists of ``key`` or ``key=value``.
PROPERTIES = ('flavor_properties', 'image_properties', 'properties')
TAGS = ('tags', 'any_tags', 'not_tags', 'not_any_tags')

SELECTION = _mapping(
    {
        **{name: _texts('tags') for name in TAGS},
        **{
            name: _texts("properties, 'key' or 'key=value'")
            for name in PROPERTIES
        },
        'projects': _texts('project IDs'),
        'match': {'enum': ['all', 'any'], 'description': 'all or any'},
    }
)

EVACUATE = _mapping(
    {
        'selection': SELECTION,
        'shared_storage': BOOLEAN,
        'max_in_flight': _at_least(1, 'integer'),
        'retries': _at_least(0, 'integer'),
        'timeout': _at_least(1, 'number'),
        'report_interval': _at_least(1, 'number'),
    }
)

FENCING = _mapping(
    {
        'devices': {
            'type': 'object',
            'additionalProperties': {
                'type': 'object',
                'description': 'a mapping with driver and its options',
            },
            'description': 'a mapping of devices by name',
        },
        'hosts': {
            'type': 'object',
            'description': 'a mapping of hosts to devices',
        },
    }
)

ROOT = _mapping(
    {
        'cloud': _mapping(
            {
                'auth_url': {**TEXT, 'description': 'the URL of Keystone'},
                'region_name': {**TEXT, 'description': 'the name of a region'},
            }
        ),
        'lock': TEXT,
        'lock_file': PATH,
        'lock_env': VARIABLE,
        'limits': _mapping(
            {
                'max_hosts_down': {
                    'type': ['string', 'integer'],
                    'description': 'a number of hosts (3) or a part (10%)',
                }
            },
            description='a mapping with max_hosts_down',
        ),
        'evacuate': EVACUATE,
        'fencing': FENCING,
    }
)

#: What every driver takes beside its own options.
COMMON = {
    option.name: {
        'type': 'number',
        'exclusiveMinimum': 0,
        'maximum': _LONGEST,
        'description': f'seconds above 0, at most {_LONGEST}',
    }
    for option in specification.COMMON
}

_OF_MAPPING: Schema = {
    'type': 'object',
    'additionalProperties': {
        'type': ['string', 'number', 'boolean'],
        'description': 'a text, a number, true or false',
    },
    'description': 'a mapping with a value for each name',
}

_BOOLEAN_OR_PATH: Schema = {
    'type': ['boolean', 'string'],
    'minLength': 1,
    # In quotes it would be the name of a file.
    'not': {
        'type': 'string',
        'pattern': '^([Tt]rue|[Ff]alse|[Yy]es|[Nn]o|[Oo]n|[Oo]ff)$',
    },
    'description': 'true or false without quotes, or the path of a file',
}

_OF_KIND = {
    driver.Kind.STRING: TEXT,
    driver.Kind.INTEGER: INTEGER,
    driver.Kind.BOOLEAN: BOOLEAN,
    driver.Kind.BOOLEAN_OR_PATH: _BOOLEAN_OR_PATH,
    driver.Kind.MAPPING: _OF_MAPPING,
}


def of_device(options: Iterable[driver.Option], reference: str) -> Schema:
    """What a device of a driver with these options may have.

    That an option is there is not asked for: a device and what a host has
    of its own make it whole together.

    :param reference: ``driver`` or ``device``, which says what it is
    """
    properties: dict[str, Schema] = {reference: TEXT}
    for option in options:
        if option.secret:
            properties[option.name] = TEXT
            properties[f'{option.name}_file'] = PATH
            properties[f'{option.name}_env'] = VARIABLE
        elif option.choices:
            properties[option.name] = {
                'enum': list(option.choices),
                'type': 'string',
                'description': f'one of {", ".join(option.choices)}',
            }
        else:
            properties[option.name] = _OF_KIND[option.kind]
    return _mapping({**properties, **COMMON})
