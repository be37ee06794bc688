"""Which servers are to be evacuated: yes, no, or unknown.

A selection is data; judging a server by it does no I/O. The third answer is
the point: a flavor, image or tag list that could not be read must neither
select a server nor silently leave it behind.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
import dataclasses
import enum
import re

from osc_instanceha import exceptions
from osc_instanceha import image_names
from osc_instanceha import model

#: What Nova accepts as a server tag: nova/objects/tag.py (MAX_TAG_LENGTH)
#: and nova/api/validation/parameter_types.py (tag).
_TAG = re.compile(r'[^,/]{1,60}')


class Answer(enum.Enum):
    """Three-valued logic after Kleene."""

    YES = 'yes'
    NO = 'no'
    UNKNOWN = 'unknown'


@dataclasses.dataclass(frozen=True)
class Verdict:
    """:ivar reason: why not, or why it is not known; empty for YES."""

    answer: Answer
    reason: str = ''


YES = Verdict(Answer.YES)


@dataclasses.dataclass(frozen=True)
class Property:
    """``key`` (present with any value) or ``key=value`` (exactly that)."""

    key: str
    value: str | None = None

    @classmethod
    def parse(cls, text: str) -> Property:
        """Read ``key`` or ``key=value``.

        :raises InvalidInput: if the key or the value is empty
        """
        key, equals, value = text.partition('=')
        if not key:
            raise exceptions.InvalidInput(
                f'{text!r} has no key: write <key> or <key>=<value>'
            )
        if equals and not value:
            raise exceptions.InvalidInput(
                f'{text!r} has no value: write {key!r} alone for any value, '
                f'or {key}=<value>'
            )
        return cls(key, value if equals else None)

    def __str__(self) -> str:
        return self.key if self.value is None else f'{self.key}={self.value}'

    def held_by(self, properties: Mapping[str, str]) -> bool:
        if self.value is None:
            return self.key in properties
        return properties.get(self.key) == self.value


def validate_tag(tag: str) -> str:
    """Return the tag.

    :raises InvalidInput: if Nova would not accept it as a server tag
    """
    if not _TAG.fullmatch(tag):
        raise exceptions.InvalidInput(
            f'{tag!r} cannot be a server tag: Nova takes 1 to 60 characters, '
            f'none of them a comma or a slash'
        )
    return tag


def _and(verdicts: Iterable[Verdict]) -> Verdict:
    unknown = None
    for verdict in verdicts:
        if verdict.answer is Answer.NO:
            return verdict
        if verdict.answer is Answer.UNKNOWN:
            unknown = unknown or verdict
    return unknown or YES


def _or(verdicts: Iterable[Verdict]) -> Verdict:
    refusals = []
    unknown = None
    for verdict in verdicts:
        if verdict.answer is Answer.YES:
            return verdict
        if verdict.answer is Answer.UNKNOWN:
            unknown = unknown or verdict
        else:
            refusals.append(verdict.reason)
    return unknown or Verdict(Answer.NO, '; '.join(refusals))


@dataclasses.dataclass(frozen=True)
class Selection:
    """Who is evacuated; with nothing set, every server.

    The kinds are: tags (``tags`` and ``any_tags``), flavor properties, image
    properties, server properties, projects. Within a kind all must hold (one
    of them for ``any_tags`` and ``projects``); ``match_any`` says whether
    one kind suffices. ``not_tags`` (all of them there) and ``not_any_tags``
    (one of them there) exclude a server whatever else holds: an owner who
    opted out stays out.

    :ivar projects: project IDs
    """

    tags: frozenset[str] = frozenset()
    any_tags: frozenset[str] = frozenset()
    not_tags: frozenset[str] = frozenset()
    not_any_tags: frozenset[str] = frozenset()
    flavor_properties: tuple[Property, ...] = ()
    image_properties: tuple[Property, ...] = ()
    properties: tuple[Property, ...] = ()
    projects: frozenset[str] = frozenset()
    match_any: bool = False

    def __post_init__(self) -> None:
        for tags in (
            self.tags,
            self.any_tags,
            self.not_tags,
            self.not_any_tags,
        ):
            for tag in tags:
                validate_tag(tag)

    def judge(
        self, server: model.Server, image: model.ImageFacts | None = None
    ) -> Verdict:
        """Say whether the server is selected.

        :param image: the properties of its image, if they were read; what
            Nova shows of them in the server itself is used first
        """
        return self._judge(server, lambda: self._by_image(server, image))

    def hinges_on_image(self, server: model.Server) -> bool:
        """Whether the answer changes with what Glance or Cinder says."""
        by_nova = self._by_image(server, None)
        if by_nova.answer is not Answer.UNKNOWN:
            return False
        answers = {
            self._judge(server, lambda v=verdict: v).answer  # type: ignore[misc]
            for verdict in (YES, Verdict(Answer.NO))
        }
        return len(answers) > 1

    def _judge(
        self, server: model.Server, by_image: Callable[[], Verdict]
    ) -> Verdict:
        kinds = []
        if self.tags or self.any_tags:
            kinds.append(self._by_tags(server))
        if self.projects:
            kinds.append(self._by_project(server))
        if self.properties:
            kinds.append(
                _by_properties(
                    self.properties, server.metadata, 'server property'
                )
            )
        if self.flavor_properties:
            kinds.append(self._by_flavor(server))
        if self.image_properties:
            kinds.append(by_image())
        join = _or if self.match_any else _and
        selected = join(kinds) if kinds else YES
        return _and((self._not_excluded(server), selected))

    def _not_excluded(self, server: model.Server) -> Verdict:
        if not (self.not_tags or self.not_any_tags):
            return YES
        if server.tags is None:
            return Verdict(Answer.UNKNOWN, 'Nova does not show its tags')
        if self.not_tags and self.not_tags <= server.tags:
            return Verdict(Answer.NO, f'excluded by {_tags(self.not_tags)}')
        excluding = self.not_any_tags & server.tags
        if excluding:
            return Verdict(Answer.NO, f'excluded by {_tags(excluding)}')
        return YES

    def _by_tags(self, server: model.Server) -> Verdict:
        if server.tags is None:
            return Verdict(Answer.UNKNOWN, 'Nova does not show its tags')
        missing = self.tags - server.tags
        if missing:
            return Verdict(Answer.NO, f'no {_tags(missing)}')
        if self.any_tags and not self.any_tags & server.tags:
            return Verdict(Answer.NO, f'none of {_tags(self.any_tags)}')
        return YES

    def _by_project(self, server: model.Server) -> Verdict:
        if server.project_id in self.projects:
            return YES
        return Verdict(Answer.NO, f'project is {server.project_id}')

    def _by_flavor(self, server: model.Server) -> Verdict:
        if server.flavor.extra_specs is None:
            return Verdict(
                Answer.UNKNOWN,
                f'Nova does not show the properties of its flavor '
                f'{server.flavor.name}',
            )
        return _by_properties(
            self.flavor_properties,
            server.flavor.extra_specs,
            f'property of its flavor {server.flavor.name},',
        )

    def _by_image(
        self, server: model.Server, image: model.ImageFacts | None
    ) -> Verdict:
        return _and(
            _by_image_property(wanted, server, image)
            for wanted in self.image_properties
        )


def _by_image_property(
    wanted: Property, server: model.Server, image: model.ImageFacts | None
) -> Verdict:
    shown = server.image_properties
    properties: Mapping[str, str]
    # Nova's own copy is what the server was booted with, and cheaper.
    if shown is not None and (
        wanted.key in shown or wanted.key in image_names.SHOWN_BY_NOVA
    ):
        properties = shown
    elif image is None:
        return Verdict(
            Answer.UNKNOWN, 'the properties of its image are unread'
        )
    elif image.properties is None:
        return Verdict(Answer.UNKNOWN, image.problem)
    else:
        properties = image.properties
    return _by_properties((wanted,), properties, 'image property')


def _by_properties(
    wanted: Iterable[Property], properties: Mapping[str, str], what: str
) -> Verdict:
    for prop in wanted:
        if not prop.held_by(properties):
            return Verdict(Answer.NO, f'no {what} {prop}')
    return YES


def _tags(tags: Iterable[str]) -> str:
    names = sorted(tags)
    return ('tag ' if len(names) == 1 else 'tags ') + ', '.join(names)
