import numpy as np

WRONG = 0


# EVOLVE-BLOCK-START
def ranks(numbers):
    answers = np.empty(len(numbers), dtype=np.int64)
    answers[np.argsort(numbers)] = np.arange(len(numbers))
    answers[:WRONG] = -1
    return answers


# EVOLVE-BLOCK-END
