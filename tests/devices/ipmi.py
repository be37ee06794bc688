"""BMCs that speak IPMI 2.0, as many as wanted in one process.

    python -m tests.devices.ipmi --machine host1 --machine host2

They are pyghmi's own, with what it lacks as a server: it takes a proposal of
RAKP-HMAC-SHA256 and then uses SHA1, does not answer unknown users, and
remembers the Kg of the first login. Beside the modes of
:class:`tests.devices.machine.Machine` they show ``garbage``: packets that
begin as they should and are cut off.
"""

from __future__ import annotations

import argparse
import os
import threading
from typing import Any

from pyghmi.ipmi import bmc
from pyghmi.ipmi.private import constants
from pyghmi.ipmi.private import serversession
from pyghmi.ipmi.private import session

from tests.devices import machine as machine_
from tests.devices import process

#: Table 13-17 and 13-15 of the IPMI v2.0 specification.
_RAKP_HMAC_SHA1 = 1
_INVALID_AUTHENTICATION = 0x04
_INVALID_ROLE = 0x09
_UNAUTHORIZED_NAME = 0x0D

#: Table 5-2.
_NOT_IN_PRESENT_STATE = 0xD5
_UNSPECIFIED = 0xFF

_open_session = serversession.ServerSession.create_open_session_response
_rakp1 = serversession.ServerSession._got_rakp1


def _answer_open_session(
    self: serversession.ServerSession, request: bytes
) -> bytearray:
    request = bytearray(request)
    if len(request) > 12 and request[12] != _RAKP_HMAC_SHA1:
        refusal = [request[0], _INVALID_AUTHENTICATION, 0, 0]
        return bytearray(refusal) + request[4:8]
    return _open_session(self, request)


def _answer_rakp1(self: serversession.ServerSession, data: bytes) -> None:
    user = bytes(data[28:]).decode(errors='replace')
    refusal = None
    if self.authdata.get(user) is None:
        refusal = _UNAUTHORIZED_NAME
    elif data[24] & 0x0F > self.bmc.highest_privilege:
        refusal = _INVALID_ROLE
    if refusal is not None:
        self.send_payload(
            bytearray([data[0], refusal, 0, 0]) + self.clientsessionid,
            constants.payload_types['rakp2'],
            retry=False,
        )
        return
    self.kg = self.bmc.kg
    _rakp1(self, data)


serversession.ServerSession.create_open_session_response = _answer_open_session
serversession.ServerSession._got_rakp1 = _answer_rakp1


class Bmc(bmc.Bmc):
    """The BMC of one machine."""

    def __init__(
        self,
        machine: machine_.Machine,
        users: dict[str, str],
        kg: str,
        highest_privilege: int,
    ) -> None:
        self.machine = machine
        self.highest_privilege = highest_privilege
        super().__init__(users, port=0, address='127.0.0.1')
        self.port = self.serversocket.getsockname()[1]
        if kg:
            self.set_kg(kg)

    def sessionless_data(self, data: bytes, sockaddr: Any) -> None:
        match self.machine.mode():
            case 'silent':
                pass
            case 'garbage':
                self.serversocket.sendto(data[:6], sockaddr)
            case _:
                super().sessionless_data(data, sockaddr)

    def handle_raw_request(self, request: Any, session: Any) -> None:
        if self.machine.mode() != 'silent':
            super().handle_raw_request(request, session)

    def get_power_state(self) -> str:
        return self.machine.power()

    def power_off(self) -> int:
        return self._ask('off')

    def power_on(self) -> int:
        return self._ask('on')

    def _ask(self, state: str) -> int:
        try:
            self.machine.ask(state)
        except machine_.Refused:
            return _NOT_IN_PRESENT_STATE
        except machine_.Broken:
            return _UNSPECIFIED
        return 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument('--machine', action='append', required=True)
    parser.add_argument('--username', default='admin')
    parser.add_argument('--kg', default='')
    parser.add_argument('--privilege', type=int, default=4)
    args = parser.parse_args()
    users = {args.username: os.environ.pop('BMC_PASSWORD')}
    machines = {name: machine_.Machine(name) for name in args.machine}
    bmcs = {
        name: Bmc(machine, users, args.kg, args.privilege)
        for name, machine in machines.items()
    }

    def listen() -> None:
        while True:
            session.Session.wait_for_rsp(30)

    threading.Thread(target=listen, daemon=True).start()
    process.serve(
        machines, ports={name: found.port for name, found in bmcs.items()}
    )


def simulator(*names: str, password: str, **options: Any) -> process.Simulator:
    """A simulator of these machines; options as on its command line."""
    args = [f'--machine={name}' for name in names]
    args += [f'--{name}={value}' for name, value in options.items()]
    return process.Simulator('ipmi', *args, BMC_PASSWORD=password)


if __name__ == '__main__':
    main()
