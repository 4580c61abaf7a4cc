"""What to try next: pure decisions, with no clock and no I/O; randomness is passed in.

=============  ==================================================================================
grid           GridArchive: MAP-Elites, one elite per cell of a grid over the problem's features
pareto         ParetoFront: the programs no other dominates, and the best
standing       Standing: best, front and counts; every search has one
parents        RankedParents, WeightedParents: the chance of each elite to be a parent
inspirations   which other programs are shown beside the parent
islands        IslandSearch: grids that breed apart and exchange their best
trials         Trials, before every search: scores that would decide something are measured again first
noise          Noise: the spread of repeats; the evidence that a difference is one
levels         Levels: how sure each of many decisions has to be
controls       Greedy, BestOfN, RandomWalk: what every other search has to beat
=============  ==================================================================================

The state of a search is a fold over ``tell``: ``ask`` may cache what follows from that state but
changes nothing, so telling a stored history again rebuilds the search exactly. Nothing is kept of
a program that is neither an elite nor on the front but a count (RandomWalk keeps its number too).

To add a search: write one file here with a class whose constructor takes ``features`` and its own
settings, all by keyword and without defaults; add ``conf/search/NAME.yaml`` with ``_target_`` and
those settings. What it is told it may trust: ``rival`` and ``correct`` are how ``trials``, which stands
in front of it, asks what a score would decide, and says what repeats have shown. The conformance
suite (``tests/conformance/test_search_conformance.py``) tests every preset it finds; an unusual
combination of settings is one more line in its ``SEARCHES``. A preset becomes an object by
``instantiate(preset, _partial_=True)(features=problem.features)``: as a direct argument of
``instantiate`` the features would arrive as configuration nodes.

To add a way of choosing parents: a class with ``chances`` in ``parents``, and a preset that names it
under ``parents:``.
"""
