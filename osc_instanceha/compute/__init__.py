"""Nova. Nothing outside this package knows its client or microversions."""
