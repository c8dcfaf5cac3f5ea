# SPDX-License-Identifier: GPL-2.0-only
"""The part of JSON Schema that the files of schemas/ use: type, properties, required, items, enum,
additionalProperties. An unknown keyword is an error, so that no check is silently left out."""

import json
import os

TYPES = {'object': dict, 'array': list, 'string': str, 'boolean': bool, 'integer': int}
KNOWN = {'type', 'properties', 'required', 'items', 'enum', 'additionalProperties', 'description',
         '$schema', 'title'}


def problems(value, schema, where='$'):
    """A list of what is wrong with @value."""
    if set(schema) - KNOWN:
        return [f'{where}: the schema uses {sorted(set(schema) - KNOWN)}']
    expected = schema.get('type')
    if expected and (not isinstance(value, TYPES[expected]) or
                     expected == 'integer' and isinstance(value, bool)):
        return [f'{where}: {value!r} is no {expected}']
    if 'enum' in schema and value not in schema['enum']:
        return [f'{where}: {value!r} is none of {schema["enum"]}']
    found = []
    if isinstance(value, dict):
        members = schema.get('properties', {})
        found += [f'{where}: {name} is missing' for name in schema.get('required', ())
                  if name not in value]
        if schema.get('additionalProperties') is False:
            found += [f'{where}: {name} is not in the schema' for name in value if name not in members]
        for name, member in value.items():
            found += problems(member, members.get(name, {}), f'{where}.{name}')
    if isinstance(value, list):
        for i, item in enumerate(value):
            found += problems(item, schema.get('items', {}), f'{where}[{i}]')
    return found


def load(name):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), 'schemas', name)) as f:
        return json.load(f)
