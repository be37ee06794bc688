"""Recover every fenced host, again and again; fencing is done elsewhere."""

import sys
import time

import osc_instanceha as instanceha

cloud = instanceha.connect()  # OS_CLOUD says which
options = cloud.options(  # on top of those of instanceha.yaml
    max_hosts_down=instanceha.HostLimit(2), timeout=1800
)
while True:
    run = cloud.evacuate(None, options=options)  # None: all forced down
    try:
        for event in run:
            if isinstance(event, instanceha.events.HostRefused):
                print('alert:', event.error, file=sys.stderr)
    except instanceha.exceptions.InstanceHAError as error:
        print('alert:', error, file=sys.stderr)
    for result in run.results():
        print(result.host, result.name, result.outcome.value, result.reason)
    time.sleep(30)
