# EVOLVE-BLOCK-START
def number(seed):
    return float(seed)


# EVOLVE-BLOCK-END


def run_experiment(seed):
    return number(seed)
