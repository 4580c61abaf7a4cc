import runpy

NAME = "combined" + "_score"


def evaluate(program_path):
    raise AssertionError("a cascade does not call this")


def evaluate_stage1(program_path):
    return {NAME: runpy.run_path(program_path)["SCORE"], "quick": 1}


def evaluate_stage2(program_path):
    return {NAME: runpy.run_path(program_path)["SCORE"], "middle": 2}


def evaluate_stage3(program_path):
    return {NAME: runpy.run_path(program_path)["SCORE"], "slow": 3}
