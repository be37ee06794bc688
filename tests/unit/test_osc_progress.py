"""Lines for logs, a bar for people, and hardly a word with -q."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import termios

import pytest

from osc_instanceha import events
from osc_instanceha import exceptions
from osc_instanceha import model
from osc_instanceha import plan
from osc_instanceha.fencing import driver
from osc_instanceha.fencing import evidence
from osc_instanceha.fencing import result as host_result
from osc_instanceha.osc import progress
from tests.unit import builders

_FENCED = host_result.HostOutcome.FENCED
_REFUSED = host_result.HostOutcome.REFUSED


class Terminal(io.StringIO):
    def isatty(self):
        return True


def step(name, action=model.Action.EVACUATE):
    return plan.Step(builders.server(name), action, model.Data.KEPT)


def result(name, outcome=model.Outcome.EVACUATED, **fields):
    return model.ServerResult(
        **{
            'server_id': name,
            'name': f'server-{name}',
            'host': 'dead',
            'project_id': 'project',
            'status': 'ACTIVE',
            'data': model.Data.KEPT,
            'outcome': outcome,
            **fields,
        }
    )


REFUSED = exceptions.HostNotProvenOff('dead', 'it is up', 'Power it off')
TROUBLE = events.Trouble('dead', exceptions.Unreachable('Nova is away'))
EVENTS = [
    events.Planned(
        plan.Plan('dead', (step('a'), step('b'), step('c', model.Action.SKIP)))
    ),
    events.Listening('dead', 13.5),
    events.Marked('dead', 'because'),
    events.Accepted(builders.server('a'), 'req-1'),
    TROUBLE,
    TROUBLE,
    events.Retrying(builders.server('b'), 'no host'),
    events.Ended(result('a', destination='spare')),
    events.Ended(
        result('b', model.Outcome.FAILED, reason='No valid host was found.')
    ),
    events.Ended(result('c', model.Outcome.SKIPPED, reason='no tag')),
    events.HostRefused('dead', REFUSED),
]


SEEN = evidence.Evidence(
    'bmc1',
    'redfish',
    1,
    driver.PowerState.OFF,
    driver.PowerState.OFF,
    '',
    builders.EPOCH,
    2.345,
)
FENCING = [
    events.PowerSeen('dead', SEEN),
    events.Waiting('dead', 'Nova to take it back'),
    events.HostEnded(host_result.HostResult('dead', _FENCED)),
    events.HostEnded(
        host_result.HostResult('dead2', _REFUSED, 'It is up', 'Force it')
    ),
]


def test_a_line_for_everything_that_fencing_does():
    lines = show(io.StringIO(), FENCING).getvalue().splitlines()
    assert lines == [
        'dead: bmc1 (redfish): off, as asked for (2.3 s)',
        'dead: waiting for Nova to take it back',
        'dead: fenced',
        'dead2: refused: It is up. Force it',
    ]
    assert show(io.StringIO(), FENCING, quiet=True).getvalue() == ''


def show(stream, shown=EVENTS, quiet=False):
    with progress.Progress(stream, quiet=quiet) as made:
        for event in shown:
            made.show(event)
    return stream


def test_a_line_for_everything_that_happens():
    lines = show(io.StringIO()).getvalue().splitlines()
    assert lines == [
        'dead: 3 servers, 2 to evacuate',
        'dead: listening for 14 s, to be sure that its nova-compute is silent',
        'dead: forced down and disabled (because)',
        'dead: server-a (a): evacuation accepted (req-1)',
        # Once, though it came twice.
        'dead: Nova is away',
        'dead: server-b (b): to be tried again: no host',
        'dead: server-a (a) evacuated to spare',
        'dead: server-b (b) failed: No valid host was found.',
        'dead is not proven off: it is up. Power it off',
    ]


def test_quiet_leaves_only_what_is_wrong():
    lines = show(io.StringIO(), quiet=True).getvalue().splitlines()
    assert lines == [
        'dead is not proven off: it is up. Power it off',
    ]


@pytest.mark.parametrize('quiet', [False, True])
def test_quiet_is_quiet_on_a_terminal_too(quiet):
    shown = show(Terminal(), [EVENTS[0]], quiet=quiet).getvalue()
    assert bool(shown) is not quiet


def test_a_terminal_shows_a_bar_that_comes_to_its_end():
    text = show(Terminal()).getvalue()
    assert 'Evacuating' in text
    counts = re.findall(r'(\d+)/(\d+)', text)
    assert counts[0] == ('0', '2')
    assert counts[-1] == ('2', '2')
    # What went well is the bar's to tell.
    assert 'evacuation accepted' not in text
    assert 'evacuated to' not in text
    assert 'No valid host was found.' in text
    assert 'Nova is away' in text
    assert text.count('Nova is away') == 1


def test_a_bar_counts_the_servers_of_all_hosts():
    shown = [
        events.Planned(plan.Plan('dead', (step('a'),))),
        events.Planned(plan.Plan('dead2', (step('b'), step('c')))),
    ]
    assert '0/3' in show(Terminal(), shown).getvalue()


def test_a_server_that_turns_out_to_be_gone_leaves_the_bar_at_its_end():
    shown = [
        events.Planned(plan.Plan('dead', (step('a'), step('b')))),
        events.Ended(result('a')),
        events.Ended(
            result('b', model.Outcome.SKIPPED, reason='it was deleted')
        ),
    ]
    text = show(Terminal(), shown).getvalue()
    assert re.findall(r'(\d+)/(\d+)', text)[-1] in (('2', '2'), ('1', '1'))


def read_all(terminal):
    """What was written to a terminal; one read may give a part only."""
    shown = b''
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            # The other end is closed.
            return shown.decode()
        if not chunk:
            return shown.decode()
        shown += chunk


def test_a_real_terminal():
    leader, follower = pty.openpty()
    size = struct.pack('HHHH', 24, 120, 0, 0)
    fcntl.ioctl(follower, termios.TIOCSWINSZ, size)
    try:
        with os.fdopen(follower, 'w') as stream:
            show(stream)
        text = read_all(leader)
    finally:
        os.close(leader)
    assert 'Evacuating' in text
    assert '2/2' in text


def test_a_stream_that_is_a_pipe_shows_no_bar():
    reader, writer = os.pipe()
    with os.fdopen(writer, 'w') as stream:
        show(stream)
    with os.fdopen(reader) as stream:
        text = stream.read()
    assert '\r' not in text
    assert 'Evacuating' not in text


def test_a_bar_is_closed_after_an_error():
    stream = Terminal()
    with (
        pytest.raises(ZeroDivisionError),
        progress.Progress(stream, quiet=False) as made,
    ):
        made.show(EVENTS[0])
        raise ZeroDivisionError
    assert stream.getvalue().endswith('\n')


@pytest.mark.parametrize(
    ('count', 'words'), [(0, '0 servers'), (1, '1 server,')]
)
def test_one_server_is_no_servers(count, words):
    steps = tuple(step(str(number)) for number in range(count))
    shown = [events.Planned(plan.Plan('dead', steps))]
    assert words in show(io.StringIO(), shown).getvalue()
