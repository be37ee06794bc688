"""Fencing devices that are simulated, on their real protocols.

Each simulator is a process of its own, started and steered through
:mod:`tests.devices.process`; what it switches are the machines of
:mod:`tests.devices.machine`, which any number of processes may look at.
"""
