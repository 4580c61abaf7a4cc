"""Several models as one: who there is, who is asked, and who is asked instead."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any

from evolve.arguments import check_arguments, check_value
from evolve.domain.proposal import CallState, Completion, Message, Request
from evolve.errors import ConfigurationError, ModelError, nearest
from evolve.interfaces import LanguageModel, Member, Report, Tier, tell_nobody
from evolve.llm.litellm_model import LiteLlmModel

_OF_MEMBER = ("tier", "weight", "fallbacks")
_NOT_SETTINGS = ("self", "name", "where", "rng")


class Ensemble:
    """The models of a run; implements LanguageModel, as the heaviest of its cheap members.

    Args:
        members: their names are unique, and one at least has a weight above 0; one of weight 0 is
            asked only instead of others.
        fallbacks: name -> who is asked instead, in order, when a call of the member failed for
            good. Without an entry: the others of its tier, the heaviest first.
    """

    def __init__(self, members: Sequence[Member], fallbacks: Mapping[str, Sequence[str]] | None = None) -> None:
        self.members = tuple(members)
        self._by_name = {member.model.name: member for member in self.members}
        _check(self.members, self._by_name)
        own = fallbacks or {}
        for name in (*own, *(name for names in own.values() for name in names)):
            self._known(name)
        self._asked = {name: self._with_fallbacks(member, own.get(name)) for name, member in self._by_name.items()}
        self._lead = self._asked[min(self.members, key=_rank).model.name]
        self.name = self._lead.name

    @property
    def context_tokens(self) -> int | None:
        """Of the member that is asked by default."""
        return self._lead.context_tokens

    @property
    def sees(self) -> bool:
        """Of the member that is asked by default."""
        return self._lead.sees

    def member(self, name: str) -> LanguageModel:
        """Return a member, with its fallbacks behind it. Raises ConfigurationError."""
        return self._asked[self._known(name)]

    def request(self, messages: Sequence[Message], call: int = 0) -> Request:
        """Return the request of the member that is asked by default."""
        return self._lead.request(messages, call)

    def price_usd(self, prompt_tokens: int, answer_tokens: int) -> float:
        """Of the member that is asked by default."""
        return self._lead.price_usd(prompt_tokens, answer_tokens)

    async def ready(self) -> None:
        """Check every member, before any is paid. Raises ConfigurationError."""
        for member in self.members:
            await member.model.ready()

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        """Have a request answered by the member that made it. Raises ModelError."""
        return await self._author(request).complete(request, report)

    async def close(self) -> None:
        """Close every member."""
        for member in self.members:
            await member.model.close()

    def _author(self, request: Request) -> LanguageModel:
        for model in (self._lead, *self._asked.values()):
            if model.request(request.messages, request.call) == request:
                return model
        return self._lead

    def _known(self, name: str) -> str:
        if name not in self._by_name:
            raise ConfigurationError(f"The ensemble has no member {name!r}. {nearest(name, self._by_name)}")
        return name

    def _with_fallbacks(self, member: Member, names: Sequence[str] | None) -> LanguageModel:
        others = [other for other in self.members if other.tier is member.tier and other is not member]
        if names is not None:
            others = [self._by_name[name] for name in names]
        elif len(others) > 1:
            others.sort(key=lambda other: -other.weight)
        return _WithFallbacks([member.model, *(other.model for other in others)]) if others else member.model


def _rank(member: Member) -> tuple[bool, float]:
    return member.tier is not Tier.CHEAP, -member.weight


def _check(members: Sequence[Member], by_name: Mapping[str, Member]) -> None:
    if len(by_name) < len(members):
        names = ", ".join(member.model.name for member in members)
        raise ConfigurationError(f"The members of an ensemble have different names, found {names}.")
    for member in members:
        if not (math.isfinite(member.weight) and member.weight >= 0):
            raise ConfigurationError(
                f"llm.members.{member.model.name}.weight: expected a number of at least 0, found {member.weight!r}."
            )
    if not any(member.weight > 0 for member in members):
        raise ConfigurationError("An ensemble needs a member with a weight above 0.")


class _WithFallbacks:
    """A model, and who is asked instead. Each is asked with its own settings."""

    def __init__(self, models: Sequence[LanguageModel]) -> None:
        self._first, *self._rest = models
        self.name = self._first.name

    @property
    def context_tokens(self) -> int | None:
        return self._first.context_tokens

    @property
    def sees(self) -> bool:
        return self._first.sees

    def request(self, messages: Sequence[Message], call: int = 0) -> Request:
        return self._first.request(messages, call)

    def price_usd(self, prompt_tokens: int, answer_tokens: int) -> float:
        return self._first.price_usd(prompt_tokens, answer_tokens)

    async def ready(self) -> None:
        for model in (self._first, *self._rest):
            await model.ready()

    async def complete(self, request: Request, report: Report = tell_nobody) -> Completion:
        """Ask one after the other until one answers. A fatal failure is raised at once: another
        model would hide that this one is set up wrongly."""
        model, asked = self._first, request
        for other in self._rest:
            held = _Held(report)
            try:
                completion = await model.complete(asked, held)
            except ModelError as error:
                if error.fatal:
                    held.release()
                    raise
                report(CallState.FALLBACK, other.name, str(error), 0.0)
                model, asked = other, other.request(request.messages, request.call)
            except BaseException:
                held.release()
                raise
            else:
                held.release()
                return completion
        return await model.complete(asked, report)

    async def close(self) -> None:
        for model in (self._first, *self._rest):
            await model.close()


class _Held:
    """A Report that keeps the last word back: a failed member is not the end of the call."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._last: tuple[CallState, str, str, float] | None = None

    def __call__(self, state: CallState, model: str, detail: str, cost_usd: float) -> None:
        if state is CallState.FAILED:
            self._last = (state, model, detail, cost_usd)
        else:
            self._report(state, model, detail, cost_usd)

    def release(self) -> None:
        """Pass on what was kept back."""
        if self._last is not None:
            self._report(*self._last)


# ── from a configuration ──────────────────────────────────────────────────────────────────────
def ensemble_of(
    members: Mapping[str, Mapping[str, Any]], *, each: Mapping[str, Any], tiers: Sequence[str] | None = None
) -> Ensemble:
    """Return the ensemble that a configuration describes.

    Args:
        members: name -> settings of LiteLlmModel, and ``tier``, ``weight``, ``fallbacks``.
        each: settings of every member that does not have its own.
        tiers: members of others are left out, also where they stand in for others; None for all.

    Raises:
        ConfigurationError: a setting is unknown, missing or has the wrong type, or no member is left.
    """
    if not members:
        raise ConfigurationError("llm.members: expected at least one, e.g. +llm.members.small.model=openai/gpt-5-mini.")
    settings = {name: {**each, **own} for name, own in members.items()}
    made = [_member(name, given, f"llm.members.{name}") for name, given in settings.items()]
    asked = _of_tiers(made, list(Tier) if tiers is None else tiers)
    left_out = settings.keys() - {member.model.name for member in asked}
    fallbacks = {
        name: [other for other in given["fallbacks"] if other not in left_out]
        for name, given in settings.items()
        if given.get("fallbacks") is not None and name not in left_out
    }
    return Ensemble(asked, fallbacks)


def _of_tiers(members: Sequence[Member], tiers: Sequence[str]) -> list[Member]:
    known = [str(tier) for tier in Tier]
    for tier in tiers:
        if tier not in known:
            raise ConfigurationError(f"llm.tiers: there is no tier {tier!r}. {nearest(tier, known)}")
    asked = [member for member in members if member.tier in tiers]
    if not asked:
        raise ConfigurationError(f"llm.tiers: no member of the ensemble is of tier {' or '.join(tiers) or 'none'}.")
    return asked


def _member(name: str, settings: Mapping[str, Any], where: str) -> Member:
    known = [key for key in inspect.signature(LiteLlmModel).parameters if key not in _NOT_SETTINGS]
    for key in settings:
        if key not in (*known, *_OF_MEMBER):
            raise ConfigurationError(f"There is no setting {where}.{key}. {nearest(key, (*known, *_OF_MEMBER))}")
    if not settings.get("model"):
        raise ConfigurationError(f"{where}.model has no value: give it as {where}.model=NAME.")
    own = {key: value for key, value in settings.items() if key in known}
    check_arguments(LiteLlmModel, own, where)
    tier, weight = settings.get("tier", Tier.CHEAP), settings.get("weight", 1.0)
    check_value(tier, Tier, f"{where}.tier")
    check_value(weight, float, f"{where}.weight")
    _check_fallbacks(settings.get("fallbacks"), f"{where}.fallbacks")
    return Member(LiteLlmModel(**own, name=name, where=where), Tier(tier), float(weight))


def _check_fallbacks(given: object, where: str) -> None:
    if given is not None and not (isinstance(given, list) and all(isinstance(name, str) for name in given)):
        raise ConfigurationError(f"{where}: expected a list of names of members, or null, found {given!r}.")
