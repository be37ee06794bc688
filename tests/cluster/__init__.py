"""A real Pacemaker cluster, in namespaces of this machine.

Needs root, Debian's packages (:mod:`tests.cluster.programs`) and nothing
else: no container, no systemd. Nothing is left of it when it ends.
"""
