"""What an evaluator returns that has more to say than numbers."""

from dataclasses import dataclass, field


@dataclass
class EvaluationResult:
    metrics: dict = field(default_factory=dict)
    artifacts: dict = field(default_factory=dict)

    @classmethod
    def from_dict(cls, metrics):
        return cls(metrics=metrics)

    def to_dict(self):
        return self.metrics

    def has_artifacts(self):
        return bool(self.artifacts)
