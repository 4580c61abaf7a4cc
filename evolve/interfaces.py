"""The seams of the system. Read this first.

A run is a loop over attempts::

    choice    = search.ask(rng)                    which parent, which inspirations, which island
    draft     = await operator.propose(context)    a changed program, by syntax, tuning or a model
    verdict   = await executor.judge(job)          a score, made where the program cannot reach it
    placement = search.tell(scored)                what the archive makes of it

and every line of it is written to the :class:`Store` before the next begins. The store is a log;
the state of search and operators is a fold over it, so resuming is replaying.

=================  ==========================================  =================================
Protocol           implementations                             may it wait, does it have effects?
=================  ==========================================  =================================
Store              store.sql, store.memory                     blocking; called from one thread
Questions          store.sql_questions, .plain_questions       the same; reads only
Search             search.islands, .controls, .trials, ...     pure: no clock, no I/O
Archive            search.grid, .pareto, .cvt, ...            pure
LanguageModel      llm.litellm_model, .ensemble, .scripted     async
Operator           mutation.syntax, .tune, .diff, ...          async; state only through observe
Sandbox            evaluation.process_sandbox, .docker_sandbox async
Executor           controller.local_executor, cluster.ray_exe~ async
Tracker            tracking.mlflow_tracker, .wandb_tracker ... blocking, in a thread that nobody waits for
Workshop           agents.workshop                             async
=================  ==========================================  =================================

Each protocol has one conformance suite in ``evolve/conformance`` that every implementation passes, ours and others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol, TypeGuard

import numpy as np

from evolve.domain.evaluation import Evaluation, Outcome, Scored
from evolve.domain.objective import Direction, Objective
from evolve.domain.problem import Problem, Stage
from evolve.domain.program import Program
from evolve.domain.proposal import (
    NO_USAGE,
    Attempt,
    Called,
    CallState,
    Choice,
    Completion,
    Event,
    Lesson,
    Message,
    Placement,
    Record,
    Request,
    Unfinished,
    Usage,
)
from evolve.domain.questions import AttemptRow, Best, Bred, Held, Page, Status, Tally
from evolve.domain.steering import Order, Posted


# ── the record ────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run as the store lists it.

    Args:
        id: short unique name, e.g. ``bin_packing-3f9a2c``.
        problem: name of the problem.
        status: ``running``, ``paused``, ``finished`` or ``failed``; as last written.
        config: the resolved configuration, JSON-able.
        provenance: package version, git commit, judge hash, python, machine; JSON-able.
        created_at: seconds since the epoch.
        elapsed_s: seconds some controller has worked on it.
        proposals, evaluated, usage: totals so far; the usage includes calls that have no answer yet.
        evaluation_s: seconds of all evaluations but those of the sealed stage.
        objectives: what programs are ranked by, in order of importance; empty in a run of an older
            version, until it is declared.
        last_order: a number below those of all its orders.
    """

    id: str
    problem: str
    status: str
    config: Mapping[str, object]
    provenance: Mapping[str, object]
    created_at: float
    elapsed_s: float = 0.0
    proposals: int = 0
    evaluated: int = 0
    usage: Usage = NO_USAGE
    evaluation_s: float = 0.0
    objectives: tuple[Objective, ...] = ()
    last_order: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a run's record, as it was written.

    Args:
        record: what was written.
        at: when, in seconds since the epoch; None for records that keep no time of their own.
        fence: under which lease; None for those that do not depend on it.
    """

    record: Record | Posted
    at: float | None = None
    fence: int | None = None


class Prunable(StrEnum):
    """What of an attempt can be given up; everything else is kept for good."""

    PROMPTS = "prompts"
    """Messages and pictures that models were sent. Model, settings, hash and cost of a call stay, so that a
    replay, which makes the messages again, still finds the answer."""
    ANSWERS = "answers"
    """Texts that models answered with; tokens and cost stay."""
    ARTIFACTS = "artifacts"
    """Files that judges attached to evaluations."""


PRUNED = "pruned"
"""Kind of the events that say what was given up: ``{"what": [...], "steps": [[first, last], ...]}``."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a run takes in the store.

    Args:
        counts: how many there are of each kind: ``programs``, ``files``, ``prompts``, ``answers``, ``artifacts``.
        bytes: kind -> bytes, as kept (compressed); ``files``, ``prompts``, ``answers``, ``artifacts`` and ``rows``.
            What several share counts for the first kind in this order.
    """

    counts: Mapping[str, int]
    bytes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to a run. ``fence`` grows with every holder; an old one is refused."""

    run: str
    holder: str
    fence: int


RENEWALS: Final = 6
"""How often a holder renews its lease in the length of one."""


class Store(Protocol):
    """The durable record of runs. Values in, values out; returned objects never change.

    Not safe for use from several threads at once. Every write is one transaction: all of it is
    durable when the call returns, or none of it is. Unknown runs and steps raise NotFound.

    Any call may raise StoreAway: the disk is full, the file is locked or not there, the server is gone.
    The same store object works again when that is mended. All of the call may have been done, if it was
    the answer that was lost, so what is repeated has to bear it; ``append``, ``renew`` and ``acquire`` do.
    """

    def create_run(self, run: RunInfo) -> None:
        """Add a run. Raises StoreError if the id exists."""

    def runs(self) -> Sequence[RunInfo]:
        """Return all runs, newest first, with totals."""

    def run(self, run: str) -> RunInfo:
        """Return one run with totals."""

    def acquire(self, run: str, holder: str, seconds: float) -> Lease:
        """Take the right to write for ``seconds``.

        Raises StoreLocked, naming the holder, while another holder's lease has not expired. A holder on
        this machine whose process is gone does not count; one whose process lives may be given the time
        to renew a lease that looks over, because it is the clock that was set forward.
        """

    def renew(self, lease: Lease, seconds: float, elapsed_s: float, status: str) -> None:
        """Extend the lease and note the run's progress. Raises LeaseLost if it was taken over."""

    def release(self, lease: Lease, elapsed_s: float, status: str) -> None:
        """Give the lease back and note the run's final ``status``. Raises LeaseLost as renew does."""

    def holder(self, run: str) -> str | None:
        """Return who holds the lease on a run; None when nobody does, or when that process is gone."""

    def append(self, lease: Lease, records: Sequence[Record]) -> None:
        """Write records in order, in one transaction. A record that is already there is skipped,
        so that repeating a write after a doubtful failure is safe. Raises LeaseLost."""

    def history(self, run: str) -> Iterator[Attempt]:
        """Yield the finished attempts in the order in which the search was told (``sequence``)."""

    def unfinished(self, run: str) -> Sequence[Unfinished]:
        """Return attempts that were selected but not finished, by step."""

    def events(self, run: str) -> Sequence[tuple[float, Event]]:
        """Return (seconds since the epoch, event) in the order written."""

    def order(self, run: str, order: Order) -> int:
        """Put an order into the run's inbox, for whoever works on it; needs no lease. Return its number:
        larger than that of every earlier order in this store."""

    def orders(self, run: str, after: int) -> Sequence[tuple[int, float, Order]]:
        """Return (number, seconds since the epoch, order) of the run's orders whose number is larger than
        ``after``, in the order written."""

    def program(self, run: str, step: int) -> Program:
        """Return a program with its files."""

    def evaluations(self, run: str, step: int) -> Sequence[Evaluation]:
        """Return every evaluation of a program, artifacts included, in the order written."""

    def known_evaluation(self, judge_hash: str, stage: str, fingerprint: str) -> Evaluation | None:
        """Return what a judge said of these files before, in any run: the first evaluation whose result
        is theirs alone (VALID, INVALID or CRASHED), artifacts included.

        None if there is none, or if they did not all end alike: then it is not for the record to say.
        """

    def scores(self, run: str, stage: str, metric: str, outcome: Outcome = Outcome.VALID) -> Mapping[int, float]:
        """Return step -> value of a metric, of the first evaluation of each program on a stage, of those that
        ended with ``outcome``, by step."""

    def completion(self, run: str, step: int, request_hash: str) -> Completion | None:
        """Return the stored answer to a request of this step, or None if it was never answered."""

    def requests(self, run: str, step: int) -> Sequence[tuple[Request, Completion | None]]:
        """Return the model calls of a step in the order sent."""

    def calls(self, run: str, step: int) -> Sequence[tuple[float, Called]]:
        """Return (seconds since the epoch, transition) of the model calls of a step: call by call in
        the order sent, each in the order in which it happened."""

    def declare(self, run: str, objectives: Sequence[Objective]) -> None:
        """Note what programs of a run are ranked by; without effect if that is known. Needs no lease."""

    def questions(self) -> Questions:
        """Return who answers questions about a run as a whole, for as long as the store is open."""

    def entries(self, run: str, steps: range | None = None) -> Iterator[Entry]:
        """Yield everything on record of a run: step by step in the order in which it came about, each model call
        with its answer after its transitions, then events and orders as they were written.

        With ``steps``, what is on record of these alone.
        """

    def take_in(self, run: RunInfo, entries: Iterable[Entry]) -> None:
        """Add a run with all of its record: entries as ``entries`` yields them. All of it, or nothing.

        Raises StoreError if the id exists, or if the entries contradict each other.
        """

    def prune(self, lease: Lease, what: Collection[Prunable], steps: Collection[int]) -> None:
        """Give some of what the finished attempts among ``steps`` keep up for good, and note that as an event.

        What other attempts or runs share is kept. Raises LeaseLost.
        """

    def size(self, run: str) -> Size:
        """Return what a run takes."""

    def reclaim(self) -> int:
        """Give disk space that is not used any more back to the system; return how many bytes."""

    def close(self) -> None:
        """Release files and connections."""


class Questions(Protocol):
    """Answers about a run as a whole, each quickly at any length of the run. Reads only.

    Unknown runs, steps and objectives raise NotFound. Lists are bounded by their arguments.
    """

    def runs(self) -> Sequence[RunInfo]:
        """Return all runs, newest first; their totals count finished attempts alone."""

    def run(self, run: str) -> RunInfo:
        """Return one run; its totals count finished attempts alone."""

    def status(self, run: str) -> Status:
        """Return how far the run is."""

    def tallies(self, run: str) -> Sequence[Tally]:
        """Return finished attempts by who made them and how they ended: what acceptance, cost and outcomes are
        sums of (:func:`evolve.domain.questions.summed`)."""

    def curve(self, run: str, objective: str, points: int) -> Sequence[Best]:
        """Return when an objective's best was beaten, at most ``points`` times, the first and last among them."""

    def page(self, run: str, page: Page) -> Sequence[AttemptRow]:
        """Return some finished attempts."""

    def sample(self, run: str, points: int) -> Sequence[AttemptRow]:
        """Return at most ``points`` finished attempts, evenly spread over the run."""

    def attempts(self, run: str, steps: Sequence[int]) -> Sequence[AttemptRow]:
        """Return these attempts, in this order; those that are not there or not finished are left out."""

    def cells(self, run: str, limit: int) -> Sequence[Held]:
        """Return at most ``limit`` cells of the archive, the last to be filled first."""

    def lineage(self, run: str, step: int) -> Sequence[AttemptRow]:
        """Return an attempt, what it was edited from, and so on, down to the seed."""

    def children(self, run: str, step: int, limit: int) -> Sequence[AttemptRow]:
        """Return at most ``limit`` finished attempts that edited this one's program or judged it again, the latest
        first."""

    def bred(self, run: str, page: Page) -> Sequence[Bred]:
        """Return model calls that bred elites, the latest first; the page is of attempts, ``by`` must be empty."""


# ── the decisions ─────────────────────────────────────────────────────────────────────────────
class Archive(Protocol):
    """Keeps the programs worth breeding from. Every one is offered once; none is offered again."""

    def add(self, scored: Scored) -> tuple[Placement, str]:
        """Offer a VALID program; return what became of it and the name of its cell (``""`` without a place)."""

    def rival(self, scored: Scored) -> Scored | None:
        """Return the member whose place a VALID program would take if it were offered now, or None."""

    def correct(self, scored: Scored) -> None:
        """Take in that a member's gains are known better now; it keeps its place. Others are ignored."""

    def elites(self) -> Sequence[Scored]:
        """Return its members in a stable order; a program that holds several cells comes once."""

    def __len__(self) -> int:
        """Number of members, without making a list of them."""


class Search(Protocol):
    """Decides what to try next. A pure fold: equal calls give equal states and equal answers.

    All randomness comes from the generator passed to ``ask``; the caller derives it from
    (run seed, step). ``tell`` draws from nothing.
    """

    def ask(self, rng: np.random.Generator) -> Choice:
        """Choose a parent, its inspirations and an island. Needs at least the seed to be told.

        A choice that ``wants`` RESCORE asks for another evaluation of the parent; any other wish is
        for an operator and is granted where the run has one with something to work on.
        """

    def tell(self, scored: Scored) -> tuple[Placement, str]:
        """Learn how an attempt ended (failures too); return its placement and cell.

        Without a place the cell is empty, or says in words what else became of a program on trial.
        Only ``search.trials`` learns from programs that were judged again (``Scored.rescored``); it
        stands before every other search, which is never told of them.
        """

    def rival(self, scored: Scored) -> Scored | None:
        """Return the program whose place a VALID one would take if it were told now, or None: it would take
        an empty place, or none. Changes nothing."""

    def correct(self, scored: Scored) -> None:
        """Learn that the gains of a program that was told are known better now. Nothing else of it changed,
        and it keeps its places; what is not kept any more is ignored."""

    def best(self) -> Scored | None:
        """Return the best VALID program by the objectives in order, or None."""

    def front(self) -> Sequence[Scored]:
        """Return the programs no other dominates, best first."""

    def status(self) -> Mapping[str, float]:
        """Return a few numbers for people, e.g. ``{"cells": 31, "islands": 4}``."""


# ── the mutation ──────────────────────────────────────────────────────────────────────────────
class Tier(StrEnum):
    """What a member of an ensemble is for."""

    CHEAP = "cheap"
    """Most edits."""
    STRONG = "strong"
    """Seeding, breaking stagnation, drawing lessons."""


Report = Callable[[CallState, str, str, float], None]
"""Told of each transition of a call: state, model, detail, cost in dollars."""


def tell_nobody(state: CallState, model: str, detail: str, cost_usd: float) -> None:
    """A Report that is not interested."""


class LanguageModel(Protocol):
    """Answers prompts. One call, one answer with its cost.

    What it can be shown is a function of its settings, so that prompts can be made again from the
    record: ``context_tokens`` is the longest prompt, None where it is not known; ``sees`` says
    whether it reads pictures.
    """

    name: str

    @property
    def context_tokens(self) -> int | None: ...

    @property
    def sees(self) -> bool: ...

    def request(self, messages: Sequence[Message], call: int = 0) -> Request:
        """Return the complete request for messages, with this model's settings."""

    def price_usd(self, prompt_tokens: int, answer_tokens: int) -> float:
        """Return what a call of this size costs, as far as is known when ``ready`` has returned."""

    async def ready(self) -> None:
        """Raise ConfigurationError when requests cannot be sent at all (no key, no price); sends none."""

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        """Send a request. Raises ModelError when it failed for good (retries are inside), and
        ConfigurationError as ready does. The completion's cost includes every answer that was paid
        for on the way; one with a ``fault`` is all there is to show for it."""

    async def close(self) -> None:
        """Release connections; may be called twice, and the model may be used again."""


@dataclass(frozen=True, slots=True)
class Member:
    """A model of an ensemble: what it is for, and its share among those of its tier."""

    model: LanguageModel
    tier: Tier = Tier.CHEAP
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Failure:
    """An earlier attempt on the same parent that did not help, for the next one to avoid.

    ``cause`` is the code of a rejection, or the outcome of the evaluation; ``worse`` for a valid
    program that scored no better. ``files`` are those of the program, for one that was judged and failed
    (crashed, invalid, timed out); otherwise they may be left out.
    """

    step: int
    operator: str
    cause: str
    detail: str
    summary: str
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a lineage: what was changed, and what it did to the objectives (gains, higher is better)."""

    step: int
    summary: str
    before: tuple[float, ...]
    after: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a lesson has earned: over ``shown`` attempts (recent ones count most) that showed it, the mean
    percentile of their results among those of attempts by the same operator. 0.5 is no effect."""

    lesson: Lesson
    shown: float
    percentile: float


@dataclass(frozen=True, slots=True)
class Digest:
    """The recent past of a run, for operators that draw lessons from it; the latest first.

    ``changes`` helped, ``failures`` did not, ``standings`` are the lessons there are.
    """

    changes: Sequence[Change] = ()
    failures: Sequence[Failure] = ()
    standings: Sequence[Standing] = ()


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A program shown to an operator, with what is known of it. ``why`` says in a few words what it was
    chosen for ("best", "diverse", "best on instance 3"); empty where nobody knows."""

    program: Program
    scored: Scored
    evaluation: Evaluation
    why: str = ""


# ── coding agents ─────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What one session of a coding agent may use; what is open counts as used.

    Args:
        evaluations: how often it may have its files judged.
        wall_s: seconds from its start to its end.
        calls: of the run's model.
        cost_usd: dollars for those calls; None for no limit but the run's.
    """

    evaluations: int
    wall_s: float
    calls: int
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """What a coding agent is asked to do.

    Args:
        command: the agent and its arguments; ``{prompt_file}``, ``{prompt}`` and ``{workdir}`` are filled in.
        task: what the prompt says.
        files: path -> text of its checkout.
        allowance: what it may use.
    """

    command: tuple[str, ...]
    task: str
    files: Mapping[str, str]
    allowance: Allowance


class SessionEnd(StrEnum):
    """Why a session of a coding agent is over."""

    EXITED = "exited"
    TIMED_OUT = "timed_out"
    """Its time was up; what stood in its checkout then counts."""
    FLOODED = "flooded"
    """It asked for more than anybody would answer; as for its time."""
    LOST = "lost"
    """It could not be started, or ended its own sandbox: nothing is left of its checkout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What came of a commission; every text is the agent's and not to be trusted.

    Args:
        end, exit_code: how it ended; no code where it had to be ended.
        files: path -> text of those of the commission's files that are still texts.
        others: paths of some of the files that it made beside them.
        output: beginning and end of what it printed.
        why: of a session that was lost.
        seconds: how long it took.
    """

    end: SessionEnd
    exit_code: int | None
    files: Mapping[str, str]
    others: tuple[str, ...] = ()
    output: str = ""
    why: str = ""
    seconds: float = 0.0


class Desk(Protocol):
    """What an agent at work may have of the world outside of its sandbox, within its allowance.

    Answers are JSON-able; those with an ``error`` refuse. Nothing is raised for what an agent does.
    """

    async def evaluate(self, files: Mapping[str, str]) -> Mapping[str, object]:
        """Judge these files on the ordinary stages; return outcome, metrics and feedback of the last one."""

    async def ask(self, messages: Sequence[Message]) -> Mapping[str, object]:
        """Put a prompt to the run's model."""

    def left(self) -> Mapping[str, object]:
        """Return what is left of the allowance."""


class Workshop(Protocol):
    """Where coding agents work: each session in a sandbox of its own, from which only the desk can be reached."""

    async def work(self, commission: Commission, desk: Desk) -> Session:
        """Run one session. Raises SandboxUnavailable for our failures, never for the agent's."""


Engage = Callable[[Commission], Awaitable[Session]]
"""Has a coding agent carry out a commission, and puts the session on record. Raises ModelError."""


@dataclass(frozen=True, slots=True)
class Context:
    """What an operator works from.

    Args:
        step: the attempt.
        problem: what is searched.
        parent: the program to change.
        inspirations: other good programs, best first.
        failures: what was tried on this parent before and did not help, the latest first.
        lineage: how the parent came about, the oldest change first.
        lessons: what the prompt is to show: at most one instruction, some insights.
        digest: the recent past, for operators that draw lessons; None for all others.
        rng: the only source of randomness; derived from (run seed, step).
        model: the model to ask, or None in a keyless run. Its calls are recorded, and a call that
            was already paid for is answered from the record.
        engage: how to have a coding agent work, for operators that need a workshop; None for all others.
    """

    step: int
    problem: Problem
    parent: Exhibit
    inspirations: Sequence[Exhibit]
    rng: np.random.Generator
    model: LanguageModel | None = None
    failures: Sequence[Failure] = ()
    lineage: Sequence[Change] = ()
    lessons: Sequence[Lesson] = ()
    digest: Digest | None = None
    engage: Engage | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What an operator made: the files of the new program, and a JSON-able account of how.

    ``detail["summary"]`` is a sentence on what was changed and why, if the operator has one.
    ``lessons`` are what it learned; a draft with lessons and no files makes no program.
    """

    files: Mapping[str, str]
    detail: Mapping[str, object] = field(default_factory=dict)
    lessons: tuple[Lesson, ...] = ()


class Operator(Protocol):
    """Makes one program out of others.

    State is allowed, but only state that ``observe`` can rebuild: after a resume the operator is
    new and is shown every finished attempt again, in order. ``propose`` may depend on the context
    and that state alone.
    """

    name: str
    needs_model: bool

    async def propose(self, context: Context) -> Draft:
        """Return a changed program. Raises ProposalRejected with a cause code, or ModelError."""

    def observe(self, scored: Scored, program: Program | None) -> None:
        """Learn how an attempt ended, whoever proposed it. ``program`` carries no files."""


class WorkshopOperator(Operator, Protocol):
    """An operator that has a coding agent work. It waits, and takes part in runs with and without a model."""

    needs_workshop: bool


def needs_workshop(operator: Operator) -> TypeGuard[WorkshopOperator]:
    """Whether an operator is one that has a coding agent work."""
    return bool(getattr(operator, "needs_workshop", False))


@dataclass(frozen=True, slots=True)
class Arm:
    """Who makes the next proposal: an operator and, if it asks one, the name of a model."""

    operator: str
    model: str = ""


# ── the evaluation ────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Bar:
    """What an evaluation must still be able to reach: it is stopped when its judge reports that ``metric``
    will at best be worse than ``limit``."""

    metric: str
    direction: Direction
    limit: float

    def is_missed(self, value: float) -> bool:
        """Whether ``value`` is worse than the limit."""
        return value < self.limit if self.direction is Direction.MAXIMIZE else value > self.limit


Watch = Callable[[Mapping[str, float]], None]
"""Told of interim results of an evaluation in flight: what each metric will at best be."""


def watch_nothing(metrics: Mapping[str, float]) -> None:
    """A Watch that is not interested."""


@dataclass(frozen=True, slots=True)
class Job:
    """One stage of one evaluation, as it is sent to a sandbox.

    With a ``bar`` it may end early: the verdict is then REJECTED, and its metrics are bounds. ``watch``
    is told the first of the bounds that the judge reports, and then a few a second.
    """

    problem: Problem
    stage: Stage
    files: Mapping[str, str]
    bar: Bar | None = None
    watch: Watch = watch_nothing


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came back from a sandbox: checked data, no code.

    ``log`` is the head and tail of what the program printed.
    """

    outcome: Outcome
    metrics: Mapping[str, float] = field(default_factory=dict)
    feedback: str = ""
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    per_instance: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    log: str = ""


class Sandbox(Protocol):
    """One place where one program at a time is judged; warm between jobs.

    One that may not be clean any more, or has done its share, ends itself after the verdict and is
    not ``alive`` then; ``start`` makes it fresh. Whatever a program started is dead, and whatever it
    wrote is gone, when ``judge`` returns. ``protects`` and ``does_not_protect`` are sentences for
    people, true on this machine.
    """

    async def start(self) -> None:
        """Get ready to judge. Raises SandboxUnavailable with what is missing."""

    async def judge(self, job: Job) -> Verdict:
        """Judge a program. Raises SandboxUnavailable for our failures, never for the program's."""

    def alive(self) -> bool:
        """Whether it can judge, as far as is known without asking: False before ``start`` and after a failure."""

    async def close(self) -> None:
        """End every process; never raises."""

    def protects(self) -> Sequence[str]: ...

    def does_not_protect(self) -> Sequence[str]: ...


class Executor(Protocol):
    """Runs jobs on ``width`` sandboxes; retries INFRASTRUCTURE failures on a fresh one.

    Where machines come and go the width changes with them, after ``start``; it is at least 1.
    """

    @property
    def width(self) -> int: ...

    async def start(self) -> None: ...

    async def judge(self, job: Job) -> Verdict:
        """Judge a program on the next free sandbox. After the retries are used up the verdict is
        INFRASTRUCTURE."""

    async def close(self) -> None: ...


# ── the onlookers ─────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Totals:
    """What the finished attempts of a run come to by some point.

    Args:
        attempts, evaluations, calls, tokens: how many; evaluations are attempts that were judged.
        cost_usd: dollars for model calls.
        evaluation_s: seconds of evaluations, but those of the sealed stage.
        best: objective -> its best value by then, in the judge's own units, as programs were first judged.
    """

    attempts: int = 0
    evaluations: int = 0
    calls: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    evaluation_s: float = 0.0
    best: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """A finished attempt as trackers are told of it: in one line, all that is on record, and the totals."""

    row: AttemptRow
    entries: Sequence[Entry]
    totals: Totals


class Tracker(Protocol):
    """Shows a run in another system. It is told what is on record, after it is on record, and decides nothing.

    All calls come from one thread, which only its follower waits for: it may block, and what it raises is said once,
    after which it is begun again. What was told may be told again after a failure, never left out. ``afterwards`` says
    whether a run can be sent when it has ended.
    """

    afterwards: bool

    def begin(self, run: RunInfo, already: int) -> int:
        """Take a run up: as a new one there, or as the one that an earlier session of it began.

        ``already`` is how many attempts had finished when this session of the run began. Return from which finished
        attempt on, counted from 0 in ``sequence``, it wants to be told: it is not told again what it has.
        """

    def tell(self, told: Sequence[Told]) -> None:
        """Learn of finished attempts, in the order of their ``sequence``; they are kept there when this returns."""

    def end(self, run: RunInfo) -> None:
        """Learn how the session ended: ``run.status`` is ``finished``, ``paused`` or ``failed``. The run may be taken
        up again."""

    def close(self) -> None:
        """Release what ``begin`` took; may be called twice, and before ``begin``."""
