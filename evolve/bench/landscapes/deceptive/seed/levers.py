# EVOLVE-BLOCK-START
def levers():
    """Return the four levers."""
    first = 0.9 * 1.0
    second = 0.6 * 2.0
    third = 1.2
    fourth = 0.8
    return [first, second, third, fourth]


# EVOLVE-BLOCK-END
