# SPDX-License-Identifier: GPL-2.0-only
"""Does a document agree with a schema of selftests/schemas? The part of JSON Schema used there."""

import json
import os
import re

TYPES = {'object': dict, 'array': list, 'string': str, 'boolean': bool, 'null': type(None),
         'integer': int, 'number': (int, float)}
KNOWN = {'$schema', 'title', 'description', 'type', 'enum', 'pattern', 'minimum', 'required',
         'properties', 'additionalProperties', 'items'}


def load(name):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'schemas', name)
    with open(path) as f:
        return json.load(f)


def is_type(value, name):
    if isinstance(value, bool) and name in ('integer', 'number'):
        return False
    return isinstance(value, TYPES[name])


def problems(value, schema, where='$'):
    """All that is wrong, as text."""
    unknown = set(schema) - KNOWN
    if unknown:
        raise ValueError(f'{where}: the schema uses {unknown}')
    types = schema.get('type', [])
    types = [types] if isinstance(types, str) else types
    if types and not any(is_type(value, t) for t in types):
        return [f'{where}: {value!r} is not of type {types}']
    found = []
    if 'enum' in schema and value not in schema['enum']:
        found.append(f'{where}: {value!r} is not one of {schema["enum"]}')
    if isinstance(value, str) and not re.search(schema.get('pattern', ''), value):
        found.append(f'{where}: {value!r} does not match {schema["pattern"]}')
    if isinstance(value, int) and value < schema.get('minimum', value):
        found.append(f'{where}: {value} is below {schema["minimum"]}')
    if isinstance(value, list):
        for i, item in enumerate(value):
            found += problems(item, schema.get('items', {}), f'{where}[{i}]')
    if isinstance(value, dict):
        found += object_problems(value, schema, where)
    return found


def object_problems(value, schema, where):
    members = schema.get('properties', {})
    found = [f'{where}: no {name}' for name in schema.get('required', []) if name not in value]
    for name, member in value.items():
        if name in members:
            found += problems(member, members[name], f'{where}.{name}')
        elif schema.get('additionalProperties') is False:
            found.append(f'{where}: {name} is not in the schema')
    return found
