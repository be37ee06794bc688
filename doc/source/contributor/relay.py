"""A fencing driver for relays with an API over HTTP."""

from __future__ import annotations

from osc_instanceha import exceptions
from osc_instanceha.fencing import driver

_STATES = {'closed': driver.PowerState.ON, 'open': driver.PowerState.OFF}


class Relay(driver.Driver):
    """Switches what one relay feeds."""

    summary = 'A relay with an API over HTTP'
    options = (
        driver.Option(
            'url',
            'URL of the relay, as in https://192.0.2.10/relays/7',
            required=True,
            names_target=True,
        ),
        driver.Option('token', 'API token', required=True, secret=True),
    )

    def read(self, timeout: float) -> driver.Reading:
        word = self._ask('GET', timeout)
        state = _STATES.get(word, driver.PowerState.UNKNOWN)
        return driver.Reading(state, f'relay {word}')

    def switch(self, state: driver.PowerState, timeout: float) -> None:
        off = state is driver.PowerState.OFF
        self._ask('PUT', timeout, relay='open' if off else 'closed')

    def _ask(self, method: str, timeout: float, **body: str) -> str:
        import requests

        try:
            response = requests.request(
                method,
                self.values['url'],
                headers={'Authorization': f'Bearer {self.values["token"]}'},
                json=body or None,
                # For connecting, then for the answer.
                timeout=timeout / 2,
            )
            if response.status_code in (401, 403):
                raise exceptions.DeviceError('it refuses the token')
            response.raise_for_status()
            return str(response.json()['relay'])
        except requests.RequestException as error:
            raise exceptions.DeviceUnreachable(
                f'no usable answer: {error}'
            ) from error
        except (KeyError, TypeError) as error:
            raise exceptions.DeviceUnreachable(
                'its answer has no relay'
            ) from error
