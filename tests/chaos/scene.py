"""One run under attack: problem, store, model server, and the command lines that begin and resume it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from evolve.bench.machinery import TRIVIAL, model_server
from evolve.domain.steering import Hint, Order
from evolve.store.sql import SqlStore
from tests.chaos.witness import RUN, Ledger, Witness

LATENCY_S = 0.02
PERSONAS = "mutator:0.65,prose:0.1,empty_once:0.25"
_YAML = """\
statement: |
  Make the value that `total` returns as large as possible.
objectives:
  - {name: value, direction: maximize}
features:
  - {name: program_bytes, low: 300, high: 700, bins: 40}
params: {log: ""}
stages:
  - {name: quick, timeout_s: 30}
  - {name: full, timeout_s: 30}
sealed: {timeout_s: 30}
"""
_JUDGE = """\
import json
import os
import time

from evaluators import Score


def evaluate(candidate, stage, params):
    value = float(candidate.call("total"))
    time.sleep(0.005)
    line = json.dumps([stage, candidate.files["program.py"]]) + "\\n"
    log = os.open(params["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(log, line.encode())
    os.close(log)
    return Score(metrics={"value": value})
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """A run that is not begun yet.

    Args:
        folder: its problem and logs.
        url: of its store.
        model_url: whom it asks.
        seed: of its choices.
    """

    folder: Path
    url: str
    model_url: str
    seed: int = 0

    def witness(self) -> Witness:
        """Return who looks on."""
        return Witness(self.url, self.folder / "judged", self.model_url)

    def ledger(self) -> Ledger:
        """Return who keeps account."""
        return Ledger(self.witness())

    def run(self, budget: int, *overrides: str) -> tuple[str, ...]:
        """Return the arguments of ``evolve run``, for so many evaluations; overrides may choose another model.

        Without repeats of noisy scores, which judge a recorded program again on purpose.
        """
        return (
            "run", f"problem={self.folder / 'trivial'}", f"params.log={self.folder / 'judged'}", f"run={RUN}",
            f"store.url={self.url}", "noise=off", "sandbox=process", f"seed={self.seed}", "executor.width=1",
            "executor.spares=0", *(overrides or self._model()), f"budget.evaluations={budget}", "budget.wall_s=null",
            "budget.cost_usd=null",
        )  # fmt: skip

    def _model(self) -> tuple[str, ...]:
        prices = ("llm.input_usd_per_million=1.0", "llm.output_usd_per_million=2.0")
        return f"llm={self.model_url}#m", *prices

    def resume(self, budget: int) -> tuple[str, ...]:
        """Return the arguments of ``evolve resume`` as a person gives them."""
        return "resume", RUN, "--store", self.url, "--quiet", f"budget.evaluations={budget}"

    def order(self, order: Order | None = None) -> None:
        """Put an order into the inbox."""
        with closing(SqlStore(self.url)) as store:
            store.order(RUN, order or Hint("Try small steps."))

    def begun(self) -> bool:
        """Whether the run is on record."""
        with closing(SqlStore(self.url)) as store:
            return any(info.id == RUN for info in store.runs())


@contextmanager
def staged(folder: Path, url: str = "", seed: int = 0, personas: str = PERSONAS) -> Iterator[Scene]:
    """Write the problem, start the model server, and take it down at the end. SQLite unless a URL is given."""
    problem = folder / "trivial"
    (problem / "seed").mkdir(parents=True)
    (problem / "seed" / "program.py").write_text((TRIVIAL / "seed" / "program.py").read_text())
    (problem / "problem.yaml").write_text(_YAML)
    (problem / "evaluate.py").write_text(_JUDGE)
    with model_server(personas, LATENCY_S) as model_url:
        yield Scene(folder, url or f"sqlite:///{folder}/e.db", model_url, seed)
