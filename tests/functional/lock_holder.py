"""A process that holds locks, and does what it is told to on its stdin.

Each line that it reads is answered by one:

========  ==========================================================
take      take the locks: ``held``, or why not
check     ``held``, or ``lost``
count     take the hosts down, unless others do: how many those are
========  ==========================================================

At the end of its input it lets go, and says ``free``.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from types import TracebackType
import warnings

LIMIT = 2


class Holder:
    """Such a process, from outside.

    :param hosts: whose locks it takes
    """

    def __init__(self, url: str, *hosts: str, timeout: float = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, '-m', __name__, url, str(timeout), *hosts],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid

    def tell(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(f'{line}\n')
        self._process.stdin.flush()

    def answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def ask(self, line: str) -> str:
        self.tell(line)
        return self.answer()

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def end(self) -> str:
        """Let it end of itself; returns its last word."""
        assert self._process.stdin
        self._process.stdin.close()
        last = self.answer()
        self._process.wait(60)
        return last

    def __enter__(self) -> Holder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.send(signal.SIGCONT)
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        try:
            # It lets go, lest the next test find its lease.
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()


def main(url: str, timeout: str, *hosts: str) -> None:
    from osc_instanceha import exceptions
    from osc_instanceha import locking
    from tests.unit import builders

    services = [builders.service(host) for host in hosts]
    with contextlib.ExitStack() as stack:
        for line in map(str.strip, sys.stdin):
            try:
                match line:
                    case 'take':
                        held = stack.enter_context(
                            locking.hold(
                                services, url=url, timeout=float(timeout)
                            )
                        )
                        answer = 'held'
                    case 'check':
                        held.check()
                        answer = 'held'
                    case 'count':
                        with held.counting() as others:
                            if len(others) + len(hosts) > LIMIT:
                                raise OverflowError
                        answer = str(len(others))
            except exceptions.LockLost:
                answer = 'lost'
            except OverflowError:
                answer = 'refused'
            except exceptions.InstanceHAError as error:
                answer = str(error)
            print(answer, flush=True)
    with contextlib.suppress(BrokenPipeError):
        print('free', flush=True)


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    main(*sys.argv[1:])
