"""Properties that hold for whatever a machine can think of."""
