"""Switching hosts off and on through their fencing devices."""
