"""Running jobs: in this process, in a pool of processes on this machine, or on Ray, on as many machines as there are.

A job is a pure function of one picklable value, so it may be done anywhere, and again: a worker that dies takes no job
with it. What comes of jobs comes in their order, and no more of them are taken than workers need, so that memory does
not grow with their number.
"""

from .base import Failed as Failed
from .base import Inline as Inline
from .base import Runner as Runner
from .base import RunStopped as RunStopped
from .base import WorkersLost as WorkersLost
from .choice import runner as runner
