"""To which cloud the configuration belongs.

Hosts of two clouds may have the same name: with the file of one cloud, a
command for the other would switch off a healthy machine.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from osc_instanceha.config import addresses
from osc_instanceha.config import problems as problems_

if TYPE_CHECKING:
    from osc_instanceha.config import document

_PATH = 'cloud'

_CURE = (
    'use the right --os-cloud, or another file through OS_INSTANCEHA_CONFIG'
)

#: What the Identity API's versions add to the URL of Keystone.
_VERSION = re.compile(r'/v(2\.0|3)$')


@dataclasses.dataclass(frozen=True)
class Fact:
    """What the configuration says about its cloud.

    :ivar key: below ``cloud``
    """

    key: str
    value: str
    mark: problems_.Mark


@dataclasses.dataclass(frozen=True)
class Belonging:
    """The cloud that the configuration is for; None for any.

    :ivar auth_url: of its Keystone, as :func:`keystone` has it
    """

    auth_url: Fact | None = None
    region_name: Fact | None = None

    def check(self, auth_url: str | None, region_name: str | None) -> None:
        """Refuse another cloud.

        :param auth_url: of the cloud that is asked for; None if it cannot
            be told
        :param region_name: that is asked for; None for whichever there is
        :raises InvalidConfig: if it is another one, or may be
        """
        problems = problems_.Problems()
        if self.auth_url:
            _compare(
                self.auth_url,
                'cloud',
                keystone(auth_url or ''),
                'and which one this command is for cannot be told from how '
                'it is authenticated',
                problems,
            )
        # In another cloud, the region makes no difference.
        if self.region_name and not problems:
            _compare(
                self.region_name,
                'region',
                region_name,
                'and this command is for none in particular: set '
                '--os-region-name',
                problems,
            )
        problems.raise_any()


def keystone(auth_url: str) -> str | None:
    """The URL of a Keystone, however it is written.

    :returns: without the version, and without anything that is secret; None
        for what is no URL
    """
    url = addresses.of_url(auth_url.partition('?')[0])
    return _VERSION.sub('', url).rstrip('/') if url else None


def read(root: document.Node, problems: problems_.Problems) -> Belonging:
    """What the section ``cloud`` says."""
    facts = {}
    for key in ('auth_url', 'region_name'):
        node = root.get(_PATH, key)
        if node is None or not isinstance(node.value, str):
            continue
        value: str | None = node.value
        if key == 'auth_url':
            value = keystone(node.value)
        if value:
            facts[key] = Fact(key, value, node.mark)
        elif node.value:
            problems.add(
                node.mark,
                (_PATH, key),
                'is no URL; write the one that clouds.yaml has: '
                'https://keystone.example.org:5000/v3',
            )
    return Belonging(**facts)


def _compare(
    fact: Fact,
    what: str,
    asked: str | None,
    untold: str,
    problems: problems_.Problems,
) -> None:
    if asked == fact.value:
        return
    path = (_PATH, fact.key)
    mine = problems_.shown(fact.value, path)
    if asked:
        untold = f'this command for {problems_.shown(asked, path)}'
    problems.add(
        fact.mark,
        path,
        f'this file is for the {what} {mine}, {untold}; {_CURE}',
    )
