"""What workers do, in modules that they have loaded before the first job comes."""

from ..protocol.judging import judge_tile as judge_tile
from .base import attempt_all as attempt_all
