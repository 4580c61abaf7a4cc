"""optimize, resume, open_run: the calls that a script makes."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from evolve import configuration, this_machine, wiring
from evolve.api.budget_words import Limits
from evolve.api.functions import FunctionProblem
from evolve.api.result import Result, read_result
from evolve.api.settings import Settings, budget_overrides, overrides_of, problems_folder, store_url
from evolve.api.worker import Begin, OnProgress, Worker, work_beside, work_here
from evolve.bundles.trust import refuse_to_work_on, settings_of
from evolve.controller.run import Parts, resume_run, start_run
from evolve.errors import ConfigurationError, LeaseLost, StoreError

_log = logging.getLogger("evolve")
AnyProblem = str | os.PathLike[str] | FunctionProblem
AnyStore = str | os.PathLike[str]


def optimize(
    problem: AnyProblem,
    budget: str | Limits | None = None,
    *,
    on_progress: OnProgress | None = None,
    **settings: Unpack[Settings],
) -> Result:
    """Evolve a problem's program until the budget is used; return what was found.

    Works inside a running event loop too, which waits meanwhile (:func:`aoptimize` does not make it wait). Ctrl+C
    ends the run when what is in flight has ended, a second one at once, and what was found so far is returned.

    Args:
        problem: name of a bundled problem, path of a problem folder, or what :func:`evolve.problem` made.
        budget: ``"200 evaluations, 10 minutes, 2 USD"``, or limits by name (``{"evaluations": 200, "wall_s": 600,
            "cost_usd": None}``; None is no limit). What it does not name is as in ``conf/budget``: 90 s, unless
            another limit is sure to end the run, and $1 for model calls.
        on_progress: called in this thread with a :class:`Progress` whenever attempts have ended; what it raises ends
            the run and is raised here.
        settings: ``search``, ``llm``, ``sandbox``, ``executor``: an option of that group of ``conf/`` (``llm`` also
            the name of a model, or ``http://HOST:PORT/v1#MODEL``). ``params``: parameters of the problem by name.
            ``seed``: of every random choice, 0 unless given. ``run``: its name. ``store``: path of a SQLite file or
            URL of a store; ``$EVOLVE_STORE`` or ``runs/evolve.db`` unless given. ``overrides``: any other setting, as
            for ``evolve run`` (``["executor.width=4"]``). ``config_dir``: a folder of more ``conf/`` options.

    Raises ConfigurationError or ProblemError before anything is spent, SeedNotValid when the seed does not score,
    StoreError when a run of that name exists or the record cannot be written, KeyboardInterrupt when it was
    interrupted before anything was found.
    """
    work = _new(problem, budget, settings)
    work_here(work.worker, on_progress)
    return work.result()


async def aoptimize(
    problem: AnyProblem,
    budget: str | Limits | None = None,
    *,
    on_progress: OnProgress | None = None,
    **settings: Unpack[Settings],
) -> Result:
    """Like :func:`optimize`, beside what else the running event loop does; ``on_progress`` is called in it.

    When its task is cancelled it ends the run cleanly first, and a second time at once; ``evolve.open_run`` has what
    was found.
    """
    work = await asyncio.to_thread(_new, problem, budget, settings)
    await work_beside(work.worker, on_progress)
    return await asyncio.to_thread(work.result)


def resume(
    run: str,
    budget: str | Limits | None = None,
    *,
    store: AnyStore | None = None,
    overrides: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> Result:
    """Go on with a run that was interrupted, cut off, or is to get a larger budget; as :func:`optimize` does.

    ``budget`` counts from the beginning of the run; what it does not name is as when
    the run was begun. ``overrides`` may name
    ``sandbox=NAME`` and ``executor=NAME``. Raises ConfigurationError when its judge has changed, or its budget leaves
    nothing to do; NotFound; StoreLocked while somebody works on it.
    """
    work = _known(run, budget, store, overrides)
    work_here(work.worker, on_progress)
    return work.result()


async def aresume(
    run: str,
    budget: str | Limits | None = None,
    *,
    store: AnyStore | None = None,
    overrides: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> Result:
    """Like :func:`resume`, beside what else the running event loop does, as :func:`aoptimize` is."""
    work = await asyncio.to_thread(_known, run, budget, store, overrides)
    await work_beside(work.worker, on_progress)
    return await asyncio.to_thread(work.result)


def open_run(run: str, *, store: AnyStore | None = None) -> Result:
    """Return what a run on record has come to by now, whoever made it and whether or not somebody works on it.

    Raises NotFound with the nearest id, ProblemError when the problem's folder is gone, StoreError before there is a
    valid program on record.
    """
    return read_result(store_url(store), run)


class _Work:
    """A run that is about to be worked on, and what it comes to."""

    def __init__(self, worker: Worker, url: str) -> None:
        self.worker = worker
        self._url = url

    def result(self) -> Result:
        """Return what was found when the worker has ended. Raises what ended it."""
        run = self.worker.run
        try:
            ended = self.worker.result()
        except asyncio.CancelledError as error:
            return self._found_before(error)
        except LeaseLost:
            raise
        except StoreError as error:
            if self.worker.on_record:
                error.add_note(f"What was written is kept. Go on with evolve.resume({run!r}).")
            raise
        return read_result(self._url, run, ended.best_step)

    def _found_before(self, error: asyncio.CancelledError) -> Result:
        if not self.worker.on_record:
            raise KeyboardInterrupt from error
        try:
            return read_result(self._url, self.worker.run)
        except StoreError as nothing:  # not even the seed was told to the search
            raise KeyboardInterrupt from nothing


def _new(problem: AnyProblem, budget: str | Limits | None, settings: Settings) -> _Work:
    overrides, url = overrides_of(budget, settings), store_url(settings.get("store"))
    place = problem.write_below(problems_folder(url)) if isinstance(problem, FunctionProblem) else problem
    named = f"problem={configuration.quoted(os.fspath(place))}"
    folder = settings.get("config_dir")
    more = None if folder is None else Path(folder)
    config = this_machine.configure_here([named, *overrides], _log.info, more)
    _refuse_what_commands_do(config)
    parts = wiring.build(config)
    this_machine.refuse_without_gpu(config, parts.problem)
    info = wiring.new_run(config, parts)
    return _Work(_worker(parts, info.id, lambda observe: start_run(parts, info, observe)), url)


def _known(run: str, budget: str | Limits | None, store: AnyStore | None, overrides: Sequence[str]) -> _Work:
    url = store_url(store)
    info = wiring.find_run(url, run)
    refuse_to_work_on(info)
    found = wiring.problem_of(info)
    stored = {**settings_of(info), "store": wiring.store_config(url)}
    config = configuration.for_resume(stored, [*budget_overrides(budget), *overrides])
    _refuse_what_commands_do(config)
    parts = wiring.build(config, found)
    wiring.refuse_changed_judge(parts, info)
    this_machine.refuse_without_gpu(config, parts.problem)
    return _Work(_worker(parts, run, lambda observe: resume_run(parts, run, observe)), url)


def _worker(parts: Parts, run: str, begin: Begin) -> Worker:
    if parts.problem.isolation.caveat:
        _log.warning(parts.problem.isolation.caveat)
    return Worker(parts, run, begin)


def _refuse_what_commands_do(config: configuration.Config) -> None:
    if wiring.is_detached(config):
        raise ConfigurationError(
            "controller.detached=true: a run that outlives its caller is begun by `evolve run --detach`; "
            "evolve.open_run shows it."
        )
    if config.get("study") is not None:
        raise ConfigurationError("The runs of a study are made and compared by `evolve run --multirun`.")
