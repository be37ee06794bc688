"""From the bytes of a file to YAML's own nodes."""

from __future__ import annotations

import re
from typing import Any

import yaml

from osc_instanceha.config import problems as problems_

#: Bytes: more than ten thousand hosts need line by line, and read in seconds.
LARGEST = 512 * 1024

#: What PyYAML says about the most likely mistakes, and what to say instead:
#: its own words quote the file, and with it perhaps a password.
_WORDS = (
    (
        'found undefined alias',
        "text that begins with * means an anchor's value; quote it",
    ),
    (
        'found duplicate anchor',
        'two anchors have the same name; rename one, or quote text that '
        'begins with &',
    ),
    (
        'found undefined tag handle',
        'text that begins with ! means a tag; quote it',
    ),
    (
        'expected a single document',
        "a second document begins here; leave one '---' at most",
    ),
    (
        "found character '\\t'",
        'a tab where YAML takes only spaces; indent with spaces',
    ),
    (
        'mapping values are not allowed here',
        'a colon where no key can be; look at the indentation here and on '
        'the line above, and quote text that holds a colon and a space',
    ),
)

#: A message up to what it quotes, other than tokens and punctuation.
_HARMLESS = re.compile(
    r"""(?: [^'"] | '(?: <[a-z ]+> | [][{}(),:?@`%&*!|>-] )' )*""", re.VERBOSE
)


def compose(
    raw: bytes, file: str, problems: problems_.Problems
) -> tuple[Any, Any] | None:
    """PyYAML's loader for this text, and its root node.

    :returns: None as root for an empty file; None alone after a problem
    """
    if len(raw) > LARGEST:
        problems.add(
            problems_.Mark(file),
            (),
            f'is larger than {LARGEST // 1024} KiB; write many hosts as '
            f'compute[001-999]',
        )
        return None
    try:
        text = raw.decode('utf-8-sig')
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b'\n') + 1
        problems.add(
            problems_.Mark(file, line), (), 'is not UTF-8; save it as UTF-8'
        )
        return None
    if file.endswith('.json'):
        # JSON may be indented with tabs, and has none inside of a string.
        text = text.replace('\t', ' ')
    try:
        loader = yaml.SafeLoader(text)
        return loader, loader.get_single_node()
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count('\n') + 1
        words = 'a control character; remove it'
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        words = _in_other_words(error)
    except RecursionError:
        line = loader.line + 1
        words = 'is nested too deeply; close a bracket'
    except ValueError:
        # A number of more digits than Python reads, in a directive.
        line = loader.line + 1
        words = 'is no YAML; look at the line that begins with %'
    problems.add(problems_.Mark(file, line), (), words)
    return None


def _in_other_words(error: yaml.MarkedYAMLError) -> str:
    said = [part for part in (error.context, error.problem) if part]
    for part in said:
        for beginning, words in _WORDS:
            if part.startswith(beginning):
                return words
    kept = [
        match[0].strip() for part in said if (match := _HARMLESS.match(part))
    ]
    return (
        f'is no YAML ({", ".join(kept)}); look at the indentation, brackets '
        f'and quotes here and on the line above'
    )
