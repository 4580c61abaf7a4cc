from shinka.core import EvolutionConfig
from shinka.launch import LocalJobConfig

search_task_sys_msg = """Make the numbers large."""

job = LocalJobConfig(eval_program_path="evaluate.py", time="00:01:30")
evolution = EvolutionConfig(task_sys_msg=search_task_sys_msg, num_generations=10)
