from __future__ import annotations

import argparse

import pytest

from osc_instanceha import exceptions
from osc_instanceha import selection
from osc_instanceha.osc import command
from osc_instanceha.osc import selecting


class Projects:
    """A cloud of which only the projects are known."""

    def project_id(self, project, domain=None):
        if project == 'nope':
            raise exceptions.ProjectNotFound(project, 'see the list')
        return f'id-{domain}-{project}' if domain else f'id-{project}'


def chosen(*words):
    parser = argparse.ArgumentParser()
    selecting.add_options(parser)
    return selecting.selection_from(parser.parse_args(words), Projects())


Property = selection.Property
WORDS = [
    ('--all', {}),
    ('--tag a --tag b', {'tags': {'a', 'b'}}),
    ('--any-tag a --any-tag b', {'any_tags': {'a', 'b'}}),
    ('--not-tag a', {'not_tags': {'a'}}),
    ('--not-any-tag a', {'not_any_tags': {'a'}}),
    (
        '--flavor-property k=v --flavor-property l',
        {'flavor_properties': (Property('k', 'v'), Property('l'))},
    ),
    ('--image-property k', {'image_properties': (Property('k'),)}),
    ('--property k=v=w', {'properties': (Property('k', 'v=w'),)}),
    ('--project p --project q', {'projects': {'id-p', 'id-q'}}),
    ('--project p --project-domain d', {'projects': {'id-d-p'}}),
    ('--tag a --match any', {'tags': {'a'}, 'match_any': True}),
    ('--all --match any', {'match_any': True}),
    ('--tag a --match all', {'tags': {'a'}, 'match_any': False}),
]


@pytest.mark.parametrize(('words', 'fields'), WORDS)
def test_a_selection_is_what_the_words_say(words, fields):
    assert chosen(*words.split()) == selection.Selection(**fields)


@pytest.mark.parametrize('words', ['', '--match any', '--project-domain d'])
def test_no_words_are_the_default_selection(words):
    assert chosen(*words.split()) is None


@pytest.mark.parametrize('words', ['--tag a', '--not-tag a', '--project p'])
def test_all_and_some_do_not_go_together(words):
    with pytest.raises(command.UsageError, match='--all'):
        chosen('--all', *words.split())


def test_a_project_that_there_is_not_selects_nothing():
    with pytest.raises(exceptions.ProjectNotFound):
        chosen('--project', 'nope')


@pytest.mark.parametrize(
    ('least', 'text', 'expected'),
    [(0, '0', 0), (1, '1', 1), (1, '007', 7), (0, '1000000', 1000000)],
)
def test_a_number(least, text, expected):
    assert selecting.number(least)(text) == expected


@pytest.mark.parametrize(
    ('least', 'text'),
    [(1, '0'), (0, '-1'), (0, ''), (0, '1.5'), (0, 'x'), (0, '²'), (0, '+1')],
)
def test_no_number(least, text):
    with pytest.raises(argparse.ArgumentTypeError, match=f'least {least}'):
        selecting.number(least)(text)
