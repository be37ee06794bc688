"""The options of a device, as they are written: checked, and combined."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping

from osc_instanceha.config import document
from osc_instanceha.config import problems as problems_
from osc_instanceha.config import schema
from osc_instanceha.config import secrets
from osc_instanceha.config import substitution
from osc_instanceha.config import validation
from osc_instanceha.fencing import driver

#: By key, with their places.
Written = Mapping[str, document.Node]

#: In the order of secrets.WAYS.
_OF_WAY = (schema.TEXT, schema.PATH, schema.VARIABLE)


def read(
    node: document.Node,
    path: problems_.Path,
    kind: type[driver.Driver],
    reference: str,
    problems: problems_.Problems,
) -> Written | None:
    """The options in a mapping.

    :param reference: the key that says what it is, ``driver`` or ``device``
    :returns: None after a problem
    """
    wanted = schema.of_device(kind.options, reference)
    if not validation.check(wanted, node, path, problems):
        return None
    fine = True
    options = {key: child for key, child in node.items() if key != reference}
    for option in kind.options:
        if option.secret:
            fine &= _one_way(option.name, options, path, problems)
        elif option.kind is driver.Kind.MAPPING and option.name in options:
            inside = (*path, option.name)
            fine &= _parameters(options[option.name], inside, problems)
    for place, text in _texts(kind, options):
        word = substitution.unknown(str(text.value))
        if word is not None:
            fine = False
            inside = (*path, *place)
            shown = problems_.shown(f'{{{word}}}', inside)
            problems.add(
                text.mark,
                inside,
                f'{shown} stands for nothing; there are '
                + ', '.join(f'{{{known}}}' for known in substitution.WORDS),
            )
    return options if fine else None


def over(under: Written, own: Written, kind: type[driver.Driver]) -> Written:
    """The options of a named device, with what a host has of its own."""
    result = {**under, **own}
    for option in kind.options:
        name = option.name
        if option.secret:
            _take_one_way(name, own, result)
        elif option.kind is driver.Kind.MAPPING and name in own:
            if name in under:
                result[name] = _merged(under[name], own[name])
    return result


def missing(kind: type[driver.Driver], options: Written) -> list[str]:
    """The names of the options that a driver needs and has not."""
    return [
        option.name
        for option in kind.options
        if option.required
        and not any(
            key in options
            for key in (
                secrets.keys(option.name) if option.secret else (option.name,)
            )
        )
    ]


def _merged(under: document.Node, own: document.Node) -> document.Node:
    ours = dict(own.items())
    result = {**dict(under.items()), **ours}
    for key in ours:
        name = secrets.secret_of(key)
        if name:
            _take_one_way(name, ours, result)
    return document.Node(result, own.mark)


def _take_one_way(
    name: str, own: Written, result: dict[str, document.Node]
) -> None:
    """However a secret is given, it takes the place of the other ways."""
    keys = secrets.keys(name)
    if any(key in own for key in keys):
        for key in keys:
            if key not in own:
                result.pop(key, None)


def _one_way(
    name: str,
    options: Written,
    path: problems_.Path,
    problems: problems_.Problems,
) -> bool:
    keys = [key for key in secrets.keys(name) if key in options]
    for other in keys[:-1]:
        last = keys[-1]
        problems.add(
            options[last].mark,
            (*path, last),
            f'{other} is given too ({options[other].mark}); leave one of them',
        )
    return len(keys) < 2


def _parameters(
    node: document.Node, path: problems_.Path, problems: problems_.Problems
) -> bool:
    """Whether the secrets in a mapping are texts, given in one way each."""
    fine = True
    values = dict(node.items())
    for name in dict.fromkeys(map(secrets.secret_of, values)):
        if not name:
            continue
        fine &= _one_way(name, values, path, problems)
        for key, wanted in zip(secrets.keys(name), _OF_WAY, strict=True):
            if key in values:
                inside = (*path, key)
                fine &= validation.check(wanted, values[key], inside, problems)
    return fine


def _texts(
    kind: type[driver.Driver], options: Written
) -> Iterator[tuple[problems_.Path, document.Node]]:
    """Every text in which something is filled in for a host."""
    for option in kind.options:
        name = option.name
        if option.secret:
            found = {key: options.get(key) for key in secrets.keys(name)[1:]}
        else:
            found = {name: options.get(name)}
        for key, node in found.items():
            if node is None:
                continue
            if isinstance(node.value, str):
                yield (key,), node
            for inner, child in node.items():
                if isinstance(child.value, str) and not (
                    inner == secrets.secret_of(inner)
                ):
                    yield (key, inner), child
