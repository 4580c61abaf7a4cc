"""Replicate the expert of greatest load per copy, then give each copy, heaviest first, to the least loaded GPU.

The greedy scheme of DeepSeek's expert-parallelism load balancer (EPLB, 2025), without its groups and nodes.
"""

import numpy as np


def place(loads: np.ndarray, current: np.ndarray) -> np.ndarray:
    gpus, slots = current.shape
    copies = replicated(loads, gpus * slots)
    share = loads / copies
    total, rows = np.zeros(gpus), [[] for _ in range(gpus)]
    for expert in np.repeat(np.argsort(-share, kind="stable"), copies[np.argsort(-share, kind="stable")]).tolist():
        open_gpus = [gpu for gpu in range(gpus) if len(rows[gpu]) < slots]
        gpu = min(open_gpus, key=lambda gpu: total[gpu])
        rows[gpu].append(expert)
        total[gpu] += share[expert]
    return np.array(rows)


def replicated(loads: np.ndarray, slots: int) -> np.ndarray:
    copies = np.ones(len(loads), dtype=np.int64)
    for _ in range(slots - len(loads)):
        copies[int((loads / copies).argmax())] += 1
    return copies
