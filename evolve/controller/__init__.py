"""Sequencing: the loop, its budget, where work runs, and how a run is started, resumed and replayed."""
