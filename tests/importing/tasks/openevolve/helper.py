SCALE = 2.0


def square(value):
    return value * value
