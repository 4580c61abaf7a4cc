# EVOLVE-BLOCK-START
def curve(xs):
    return 1.0 + xs + 0.5 * xs**2


# EVOLVE-BLOCK-END
