"""Fence and evacuate the hosts that a monitor names, as it names them."""

import sys

import osc_instanceha as instanceha

cloud = instanceha.connect()  # OS_CLOUD says which
for line in sys.stdin:
    # The options of instanceha.yaml, and these.
    options = cloud.options(fence=True, timeout=1800)
    run = cloud.evacuate([line.strip()], options=options)
    try:
        for event in run:
            if isinstance(event, instanceha.events.PowerSeen):
                print(event.host, event.evidence, file=sys.stderr)
    except instanceha.exceptions.InstanceHAError as error:
        print('alert:', error, file=sys.stderr)
    for refusal in run.refusals:
        print('alert:', refusal, file=sys.stderr)
    for result in run.results():
        print(result.host, result.name, result.outcome.value, result.reason)
