"""The runs of a multirun that are compared in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evolve import configuration, wiring
from evolve.bench import variants
from evolve.cli.options import say
from evolve.errors import ConfigurationError, EvolveError


class Study:
    """The runs of one multirun that belong to studies."""

    def __init__(self) -> None:
        self._configs: dict[str, configuration.Config] = {}
        self._refused: dict[str, str] = {}
        self._failed = 0
        self._error: EvolveError | None = None

    def takes(self, config: configuration.Config, config_dir: Path | None) -> bool:
        """Whether a variant can be run here; a person is told once of one that cannot. After an error none is."""
        if self._error is not None:
            return False
        try:
            variants.check(config, config_dir)
        except ConfigurationError as error:
            reason = str(error)
            if reason not in self._refused.values():
                say(f"Left out: {reason}")
            self._refused[variants.name_of(config)] = reason
            return False
        self._configs[str(config["study"])] = config
        return True

    @property
    def is_empty(self) -> bool:
        """Whether there was no run of a study."""
        return not (self._configs or self._refused or self._error)

    def note(self, code: int) -> None:
        """Note the exit code of a run."""
        self._failed += code != 0

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Hold an error back until the sweep is over: Hydra would bury it in words of its own."""
        try:
            yield
        except EvolveError as error:
            self._error = error

    def close(self, json_: bool) -> int:
        """Print and write the comparison of each study; return the exit code: 1 if a run failed.

        Raises ConfigurationError if every variant was left out, and the error that ended the sweep.
        """
        if self._error is not None:
            raise self._error
        if self._refused and not self._configs:
            raise ConfigurationError("No variant can be run here.")
        from evolve.cli.ablating import folder_of, report  # slow to load, and most runs are of no study

        for name, config in self._configs.items():
            store = wiring.open_store(config)
            try:
                report(store, name, folder_of(name), json_)
            finally:
                store.close()
        return 1 if self._failed else 0
