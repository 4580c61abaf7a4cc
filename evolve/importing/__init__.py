"""Makes problem folders of tasks written for other systems; their evaluators run unchanged.

==================  ============================================================================
module              what
==================  ============================================================================
``peer.py``         what a task comes down to, whoever wrote it
``kinds.py``        recognises an OpenEvolve or ShinkaEvolve folder, a single file, a command
``settings.py``     reads a task's words and numbers out of its YAML or run script
``writing.py``      writes the problem folder
==================  ============================================================================

The judge of an imported problem and what runs the evaluator in the sandbox lie in ``problems/_imported``.
"""
