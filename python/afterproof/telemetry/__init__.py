"""What a process tells its operator: lines in a log, and figures for Prometheus.

``logs`` writes messages for people or as JSON; ``metrics`` holds every figure; ``liveness`` knows whether the loop
still turns. Nothing here asks a store or a chain: steps and loop say what happens, ``steps.measure`` looks.
"""

from .logs import set_up as set_up
