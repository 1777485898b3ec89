"""Runs at the start of every process of a relay under drill, which has this directory on its path."""

from tests.drill import changed

changed.apply()
