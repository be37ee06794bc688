"""The options that say which servers."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any
from typing import TYPE_CHECKING

from osc_instanceha.osc import command

if TYPE_CHECKING:
    from osc_instanceha import cloud
    from osc_instanceha import selection


def _type(parse: str) -> Callable[[str], Any]:
    """An argparse type whose parser is imported when it is first used."""

    def convert(text: str) -> Any:
        from osc_instanceha import exceptions
        from osc_instanceha import options
        from osc_instanceha import selection

        parsers: dict[str, Callable[[str], Any]] = {
            'tag': selection.validate_tag,
            'property': selection.Property.parse,
            'limit': options.HostLimit.parse,
        }
        try:
            return parsers[parse](text)
        except exceptions.InvalidInput as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


tag = _type('tag')
property_ = _type('property')
host_limit = _type('limit')


def number(least: int) -> Callable[[str], int]:
    """An argparse type: a whole number that is at least so much."""

    def convert(text: str) -> int:
        if not (text.isascii() and text.isdigit()) or int(text) < least:
            raise argparse.ArgumentTypeError(
                f'{text!r} is not a whole number of at least {least}'
            )
        return int(text)

    return convert


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the selection options."""
    group = parser.add_argument_group(
        'selection',
        'Which servers of the host; without any of these, those that '
        'instanceha.yaml selects, or all of them. What '
        'cannot be told (an image that is gone, say) is reported and not '
        'evacuated.',
    )
    group.add_argument(
        '--all',
        action='store_true',
        help='Every server of the host, also where instanceha.yaml has a '
        'default selection',
    )
    for name, text in (
        ('tag', 'Only servers with this tag (repeat for all of several)'),
        ('any-tag', 'Only servers with this tag or another one given so'),
        (
            'not-tag',
            'Never servers with this tag (repeat for all of several at once)',
        ),
        (
            'not-any-tag',
            'Never servers with this tag (repeat for any of several)',
        ),
    ):
        group.add_argument(
            f'--{name}',
            metavar='<tag>',
            dest=name.replace('-', '_') + 's',
            action='append',
            default=[],
            type=tag,
            help=text,
        )
    for name, dest, what in (
        ('flavor-property', 'flavor_properties', 'whose flavor had'),
        (
            'image-property',
            'image_properties',
            'whose image or root volume has',
        ),
        ('property', 'properties', 'which have'),
    ):
        group.add_argument(
            f'--{name}',
            metavar='<key[=value]>',
            dest=dest,
            action='append',
            default=[],
            type=property_,
            help=f'Only servers {what} this property, with any value or '
            f'exactly this one (repeat for all of several)',
        )
    group.add_argument(
        '--project',
        metavar='<project>',
        dest='projects',
        action='append',
        default=[],
        help='Only servers of this project, by name or ID (repeat for any '
        'of several)',
    )
    group.add_argument(
        '--project-domain',
        metavar='<project-domain>',
        help='Domain of the projects, by name or ID',
    )
    group.add_argument(
        '--match',
        choices=['all', 'any'],
        default='all',
        help='Whether all of the kinds given (tags, flavor properties, image '
        'properties, properties, projects) must match, or any one of them; '
        'the --not options exclude in either case (default: all)',
    )


def selection_from(
    parsed_args: argparse.Namespace, cloud: cloud.Cloud
) -> selection.Selection | None:
    """The selection that the options describe.

    :returns: None for the default selection
    :raises UsageError: if all servers are wanted, and only some
    :raises ProjectNotFound: if a project is not there
    """
    from osc_instanceha import selection

    chosen = selection.Selection(
        tags=frozenset(parsed_args.tags),
        any_tags=frozenset(parsed_args.any_tags),
        not_tags=frozenset(parsed_args.not_tags),
        not_any_tags=frozenset(parsed_args.not_any_tags),
        flavor_properties=tuple(parsed_args.flavor_properties),
        image_properties=tuple(parsed_args.image_properties),
        properties=tuple(parsed_args.properties),
        projects=frozenset(
            cloud.project_id(name, parsed_args.project_domain)
            for name in parsed_args.projects
        ),
        match_any=parsed_args.match == 'any',
    )
    everything = selection.Selection(match_any=chosen.match_any)
    if chosen != everything:
        if parsed_args.all:
            raise command.UsageError(
                '--all selects every server: leave it out, or the other '
                'options that select'
            )
        return chosen
    return everything if parsed_args.all else None
