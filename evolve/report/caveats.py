"""What a run's figures do not show: said in its report, so that nobody has to guess."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evolve.account.carried_over import shortfall_on_record
from evolve.account.course import Course
from evolve.domain.problem import Problem
from evolve.interfaces import RunInfo

_IN_A_HURRY = 200
"""Attempts below which a search has hardly begun."""


def caveats(info: RunInfo, problem: Problem, course: Course, sealed: Mapping[str, Any] | None) -> list[str]:
    """Return what was not checked, in sentences."""
    return [
        *_of_scores(info, problem, course, sealed),
        *_of_sandbox(info),
        *_of_agents(info),
        *_of_search(info, course),
    ]


def _of_scores(info: RunInfo, problem: Problem, course: Course, sealed: Mapping[str, Any] | None) -> list[str]:
    found = [problem.isolation.caveat] if problem.isolation.caveat else []
    if problem.sealed is None:
        found.append("The problem has no sealed instances: the champion's score is on those that chose it.")
    elif sealed is None:
        found.append("The champion has not been judged on the sealed instances: the run was not finished.")
    else:
        found += filter(None, [shortfall_on_record(problem.objectives, sealed)])
    if info.config.get("noise", {}) and not course.repeats:
        found.append("No program was judged twice: whether scores repeat is not known.")
    if problem.known_best and problem.known_gain() is None:
        found.append("The best known values are for other parameters than this run's.")
    if not problem.known_best:
        found.append("The problem names no best known value.")
    recorded = info.provenance.get("judge_hash")
    if recorded != problem.as_judged_by(recorded).judge_hash():
        found.append("The problem's judge or data have changed since the run: judging again may give other scores.")
    return found


def _of_sandbox(info: RunInfo) -> list[str]:
    sandbox = info.config.get("sandbox")
    target = str(sandbox.get("_target_", "")) if isinstance(sandbox, Mapping) else ""
    if "docker" in target.lower():
        return []
    return ["Programs ran in the process sandbox, without a container: `evolve doctor` says what it does not stop."]


def _of_agents(info: RunInfo) -> list[str]:
    mutation = info.config.get("mutation")
    workshop = mutation.get("workshop") if isinstance(mutation, Mapping) else None
    if not isinstance(mutation, Mapping) or not isinstance(workshop, Mapping) or not mutation["weights"].get("agent"):
        return []
    network = workshop.get("network")
    if network is None:
        return []
    given = ", ".join(workshop.get("environment") or ())
    return [
        f"Coding agents could reach whatever the network {network!r} leads to"
        + (f" and were given {given}" if given else "")
        + ": what they looked up, told or paid for there is not on record."
    ]


def _of_search(info: RunInfo, course: Course) -> list[str]:
    found = ["It is one run of one seed: how far another would get, several runs show (`evolve run -m seed=1,2,3`)."]
    if course.attempts < _IN_A_HURRY:
        found.append(f"It had {course.attempts} attempts, too few to say what the search can do.")
    if info.status in ("paused", "running"):
        found.append(f"The run is {info.status}: it may still get better.")
    return found
