"""Dispatching in a workshop with several machines."""

import math

import numpy as np

# EVOLVE-BLOCK-START
LOOK_AHEAD = 2.0
URGENCY = 0.35
SHORT_FIRST = 0.2
BALANCE = 0.05
LATE_PENALTY = 1.5
SETTLE = 0.01
HORIZON = 240.0


def slack_of(work, due, now):
    """Return how much later each job could start and still be in time."""
    slack = due - work - now
    floor = -LATE_PENALTY * work
    return np.maximum(slack, floor)


def urgency_of(work, weight, due, now):
    """Apparent tardiness cost: weight over work, discounted by the slack."""
    mean = max(float(work.mean()), 1.0)
    slack = slack_of(work, due, now)
    discount = np.exp(-np.maximum(slack, 0.0) / (LOOK_AHEAD * mean))
    rate = weight / (work + 0.5)
    return URGENCY * rate * discount


def shortness_of(work):
    """Prefer short jobs a little: they make room."""
    longest = max(float(work.max()), 1.0)
    share = 1.0 - work / longest
    curve = share * share + 0.1 * share
    return SHORT_FIRST * curve


def lateness_of(work, weight, due, now):
    """Prefer what is late already, by its weight, but not what is hopeless."""
    late = np.maximum(now + work - due, 0.0)
    bounded = np.minimum(late, 0.5 * HORIZON)
    pressure = weight * bounded / (HORIZON + late)
    hopeless = late > 0.8 * HORIZON
    return np.where(hopeless, 0.25 * pressure, pressure) * 0.02


def balance_of(free, work):
    """Prefer long jobs while machines are far apart, so that they end together."""
    spread = float(free.max() - free.min())
    mean = max(float(work.mean()), 1.0)
    lack = math.tanh(spread / (4.0 * mean))
    relative = work / mean - 1.0
    return BALANCE * lack * relative


def pairs_of(work, weight, due):
    """Score each job by how it stands to its neighbours in order of due dates."""
    order = np.argsort(due, kind="stable")
    score = np.zeros(len(work))
    for place in range(len(order) - 1):
        here, there = order[place], order[place + 1]
        gap = due[there] - due[here]
        swap = weight[there] * work[here] - weight[here] * work[there]
        if swap > 0.0 and gap < 12.0:
            score[here] = score[here] - 0.01 * swap / (1.0 + gap)
            score[there] = score[there] + 0.01 * swap / (1.0 + gap)
    return score


def crowding_of(work, due, now):
    """Count, for each job, the work that has to be done before its due date, beside the time until then."""
    order = np.argsort(due, kind="stable")
    before = np.cumsum(work[order])
    room = np.maximum(due[order] - now, 1.0)
    load = before / room
    score = np.zeros(len(work))
    score[order] = np.tanh(0.5 * load)
    tight = load[-1] > 1.25
    return 0.03 * score if tight else 0.01 * score


def priority(work, weight, due, now, free):
    """Return one number for each waiting job; the greatest starts next."""
    total = urgency_of(work, weight, due, now)
    total = total + shortness_of(work)
    total = total + lateness_of(work, weight, due, now)
    total = total + balance_of(free, work)
    total = total + crowding_of(work, due, now)
    total = total + 0.1 * pairs_of(work, weight, due)
    calm = slack_of(work, due, now) > 0.75 * HORIZON
    total = np.where(calm, 0.9 * total, total)
    if len(work) > 8:
        total = total + SETTLE * weight / weight.max()
    return total


def regret_of(order, work, weight, due, machines):
    """Return the weighted tardiness of an order of jobs."""
    free = np.zeros(machines)
    cost = 0.0
    for job in order:
        machine = int(free.argmin())
        free[machine] = free[machine] + work[job]
        cost = cost + weight[job] * max(free[machine] - due[job], 0.0)
    return cost


def improved(order, work, weight, due, machines):
    """Swap neighbours while that helps, a bounded number of times."""
    # The first few places decide most: what starts late is late in any order.
    best = list(order)
    cost = regret_of(best, work, weight, due, machines)
    for place in range(min(len(best) - 1, 24)):
        trial = list(best)
        trial[place], trial[place + 1] = trial[place + 1], trial[place]
        other = regret_of(trial, work, weight, due, machines)
        if other < cost - 0.001:
            best, cost = trial, other
    return best


def plan(work, weight, due, machines):
    """Return the numbers of the jobs in the order in which they start."""
    waiting = list(range(len(work)))
    free = np.zeros(machines)
    order = []
    while waiting:
        machine = int(free.argmin())
        now = float(free[machine])
        rows = np.array(waiting)
        score = priority(work[rows], weight[rows], due[rows], now, free)
        chosen = waiting.pop(int(score.argmax()))
        free[machine] = now + work[chosen]
        order.append(chosen)
    return improved(order, work, weight, due, machines)


# EVOLVE-BLOCK-END
