from tests.problems.problem_support import candidate_factory, every_stage, judged

__all__ = ["candidate_factory", "every_stage", "judged"]
