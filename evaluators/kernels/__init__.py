"""GPU kernels: right on inputs nobody has seen, and timed by a judge whose memory and clock they cannot reach.

A problem's ``evaluate.py`` declares a ``Kernel`` and calls ``evaluate``; README.md shows a whole one.
"""

from evaluators.kernels.dtypes import DType
from evaluators.kernels.evaluation import evaluate
from evaluators.kernels.kernel import Case, Kernel, Language, Tensor, Tolerance

__all__ = ["Case", "DType", "Kernel", "Language", "Tensor", "Tolerance", "evaluate"]
