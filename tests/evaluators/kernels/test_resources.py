"""What compilers say that kernels take."""

from __future__ import annotations

import asyncio

from evaluators.kernels.resources import in_words
from evolve import problem_library
from evolve.domain.evaluation import Outcome
from evolve.evaluation.process_sandbox import ProcessSandbox
from evolve.interfaces import Job, Verdict

_TOLD = b"""ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z11scan_kernelIiEvPKT_PS0_x' for 'sm_80'
ptxas info    : Function properties for _Z11scan_kernelIiEvPKT_PS0_x
    8 bytes stack frame, 12 bytes spill stores, 20 bytes spill loads
ptxas info    : Used 28 registers, used 1 barriers, 1024 bytes smem, 376 bytes cmem[0]
ptxas info    : Compiling entry function 'plain' for 'sm_90a'
ptxas info    : Function properties for plain
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 7 registers
"""


def test_registers_shared_memory_and_spills_are_read() -> None:
    assert in_words(_TOLD).splitlines() == [
        "scan_kernel on sm_80: 28 registers a thread, 1024 bytes of static shared memory a block, 32 bytes spilled",
        "plain on sm_90a: 7 registers a thread, 0 bytes of static shared memory a block, nothing spilled",
    ]
    assert in_words(b"\xff nothing of the kind") == ""
    assert len(in_words(b"".join(_TOLD.replace(b"Used 28", b"Used %d" % n) for n in range(50))).splitlines()) == 8


def test_the_real_compiler_tells_it_of_the_seed() -> None:
    async def judged() -> Verdict:
        problem = problem_library.load_problem("kernels/prefix_sum")
        sandbox = ProcessSandbox(problem)
        await sandbox.start()
        try:
            return await sandbox.judge(Job(problem, problem.stage("compile"), dict(problem.seed().files)))
        finally:
            await sandbox.close()

    verdict = asyncio.run(judged())
    assert verdict.outcome is Outcome.VALID
    assert "scan_kernel on sm_80: " in verdict.feedback and "1024 bytes of static shared memory" in verdict.feedback
