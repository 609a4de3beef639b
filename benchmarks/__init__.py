"""Measurements: gas, and how fast the gateway signs. A package, since others ship one of the same name."""
