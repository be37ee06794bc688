"""Telling a host that is marked as down from one that is down.

A forced-down service shows ``down`` whatever its nova-compute does, and Nova
evacuates from it. But a living nova-compute goes on reporting, and each report
moves ``updated_at`` of its service record. So does a call of anybody's that
changes the service; one move alone proves nothing, two in a row do.
"""

from __future__ import annotations

import datetime
import enum

from osc_instanceha import model

#: How much longer than a report interval a host must be silent: reports are
#: not punctual, and ``updated_at`` has whole seconds.
_MARGIN = 1.25
_ROUNDING = 1.0


#: Seconds of silence from which on the age of a record is believed at first
#: sight: it is the difference of two clocks of the cloud, the API's and the
#: conductor's. Nova itself would take a service for dead that much behind
#: (service_down_time).
_CERTAIN = 60.0


class Pulse(enum.Enum):
    #: No report for longer than a living nova-compute would take.
    SILENT = 'silent'
    #: Not watched for long enough, or its record has moved once.
    LISTENING = 'listening'
    ALIVE = 'alive'


class Heartbeat:
    """Watches one service record; keeps invariant 1 while a run lasts.

    :param report_interval: seconds between two reports of a living
        nova-compute
    """

    def __init__(self, report_interval: float) -> None:
        self.period = report_interval * _MARGIN + _ROUNDING
        self._updated_at: datetime.datetime | None = None
        self._quiet_since: float | None = None
        self._moves = 0
        self._seen: float | None = None

    def observe(self, service: model.Service, now: float) -> Pulse:
        """Take in a reading of the record.

        :param now: monotonic seconds, taken before the record was asked for
        """
        self._seen = now
        if self._quiet_since is None:
            quiet_for = service.quiet_for or 0.0
            if quiet_for < _CERTAIN:
                quiet_for = 0.0
            self._quiet_since = now - quiet_for
            self._updated_at = service.updated_at
        elif service.updated_at != self._updated_at:
            self._updated_at = service.updated_at
            self._quiet_since = now
            self._moves += 1
        pulse = self.pulse(now)
        if pulse is Pulse.SILENT:
            self._moves = 0
        return pulse

    def expect(self, service: model.Service) -> None:
        """Take in the record as our own call has just changed it."""
        self._updated_at = service.updated_at

    def pulse(self, now: float) -> Pulse:
        """What the readings so far say."""
        if self._moves >= 2:
            return Pulse.ALIVE
        if self._quiet_since is None or self._seen is None:
            return Pulse.LISTENING
        # Only what was really read counts: silence after the last reading
        # is nobody's.
        if self._seen - self._quiet_since >= self.period:
            return Pulse.SILENT
        return Pulse.LISTENING

    def due(self, now: float) -> bool:
        """Whether the record should be read (again) before going on."""
        if self._seen is None or self._quiet_since is None:
            return True
        if self.pulse(now) is Pulse.SILENT:
            return now - self._seen >= self.period
        # Not before a report could have come, but soon enough to go on as
        # soon as the silence is long enough.
        ready = self._quiet_since + self.period
        return now >= min(ready, self._seen + self.period / 2)
