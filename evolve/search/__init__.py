"""What to try next: pure decisions, with no clock and no I/O; randomness is passed in.

=============  ==================================================================================
islands        IslandSearch: populations that breed apart, made of the parts below
island         Island: an archive, its leader, and how its members have done as parents
gepa           GepaSearch: parents lead on some instance
nsga2          Nsga2Search: a population kept by non-dominated sorting and crowding

cells          CellArchive: what archives with one elite per cell have in common
grid           GridArchive: MAP-Elites, one elite per cell of a grid over the problem's features
cvt            CVTArchive: the same with Voronoi cells, over features, the shape of the text, or both
instances      InstanceWinners: the best program on each instance of the judge
pareto         ParetoFront: the programs no other dominates, and the best; hypervolume
signatures     SignatureClusters, ClusterParents: FunSearch's population and its chances
several        SeveralArchives: a member of one is a member of all

parents        rules for the chance of each elite to be a parent, and mixtures of them
inspirations   Inspired, Trajectory, BestShot: what is drawn by these chances and shown
tradeoffs      parents for every trade-off between objectives, and programs that complement them
allocation     EvenAllocation, UcbAllocation: which island gets the next attempt
topology       Migration: which islands send their best where, and when
renewal        WorseHalf, Spawn, Restart: islands that begin anew
stagnation     Ladder, NowAndThen: what attempts do otherwise when records cease to fall

standing       Standing: best, front and counts; every search has one
lots           numbers that look random where nothing may be drawn
trials         Trials, before every search: scores that would decide something are measured again first
trial          Trial, Weighing: a program on hold, what it may be worth, when its repeats are evidence enough
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

To add an archive: a class with ``add``, ``elites`` and a length whose constructor takes ``features`` by
keyword, and a line in ``tests/conformance/test_archive_conformance.py``. In a preset it is a factory,
``archive: {_target_: evolve.search.cvt.CVTArchive, _partial_: true, cells: 50, axes: both, seed: 0}``.

To add another part: a class with the methods of its Protocol, and a preset that names it. Rules for parents,
renewal and relief keep nothing, so that all islands can share them; an allocation has state, of its
search alone.

Feasibility comes first everywhere: programs are compared by ``constrained_dominates``, ``constrained_better`` and
``merit`` of ``domain.objective``.
"""
