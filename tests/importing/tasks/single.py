TARGET = 1.5


# EVOLVE-BLOCK-START
def guess():
    return 1.0


# EVOLVE-BLOCK-END


def evaluate():
    return {"error": abs(TARGET - guess())}
