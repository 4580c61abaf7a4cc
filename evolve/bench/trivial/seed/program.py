import math


# EVOLVE-BLOCK-START
def total():
    width = 1.25
    height = 2.5
    depth = 0.75
    bonus = 0.0
    for index in range(3):
        bonus = bonus + width * index - height / (index + 1.5)
    if bonus > 4.0:
        bonus = 4.0 - depth
    area = width * height + 0.5 * depth
    return min(area + bonus, 1000000.0) + math.sqrt(2.25)


# EVOLVE-BLOCK-END
