"""What the commands have in common: the end that others give them."""

from __future__ import annotations

import signal
import threading

import pytest

from osc_instanceha.osc import command


@pytest.fixture(autouse=True)
def handler():
    """Whatever a test does to it, SIGTERM is handled as before."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_sigterm_ends_a_run_as_ctrl_c_does():
    with pytest.raises(KeyboardInterrupt) as caught, command.terminable():
        signal.raise_signal(signal.SIGTERM)
    assert isinstance(caught.value, command.Terminated)


def test_whoever_repeats_it_means_it():
    with pytest.raises(command.Terminated), command.terminable():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize('before', [signal.SIG_DFL, signal.SIG_IGN])
@pytest.mark.parametrize('terminated', [False, True])
def test_the_handler_from_before_is_back_at_the_end(before, terminated):
    signal.signal(signal.SIGTERM, before)
    try:
        with command.terminable():
            assert signal.getsignal(signal.SIGTERM) is not before
            if terminated:
                signal.raise_signal(signal.SIGTERM)
    except command.Terminated:
        assert terminated
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize('terminated', [False, True])
def test_a_handler_that_is_none_of_pythons_is_no_defect(
    monkeypatch, terminated
):
    """signal.signal() returns None for one that C code has installed."""
    real = signal.signal

    def of_c(number, handler):
        real(number, handler)

    monkeypatch.setattr(command.signal, 'signal', of_c)
    ended = False
    try:
        with command.terminable():
            if terminated:
                signal.raise_signal(signal.SIGTERM)
    except command.Terminated:
        ended = True
    assert ended is terminated
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_thread_has_no_signals():
    done = []

    def work():
        with command.terminable():
            done.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert done == [before]
