"""What a step costs where several people do the same thing: `core.server.fairness`."""

from __future__ import annotations

import random
import statistics

import pytest

from core.server.fairness import ALIKE, BEGINNING, Account, Turn


def charged(account: Account, costs) -> list[float]:
    """Let a run have a turn of one step for each of these costs."""
    return [account.charge(Turn(cost, 1), []) for cost in costs]


def test_a_run_like_no_other_pays_what_it_takes():
    account = Account()
    costs = [0.05, 0.04, 0.06, 0.05] * 10
    paid = sum(charged(account, costs))
    assert paid == pytest.approx(sum(costs))


def test_what_it_takes_to_begin_is_not_charged_beyond_what_a_step_costs():
    account = Account()
    paid = sum(charged(account, [60.0] + 20 * [0.05]))
    assert paid == pytest.approx(21 * 0.05)


def test_the_first_turn_costs_nothing_at_once_and_no_more_than_it_took_afterwards():
    account = Account()
    assert charged(account, [0.05]) == [0.0]
    assert sum(charged(account, [2.0, 2.0])) == pytest.approx(4.05)


def test_long_steps_are_paid_for_in_full_from_the_second_on():
    account = Account()
    assert charged(account, [2.0] * 5) == pytest.approx([0.0, 4.0, 2.0, 2.0, 2.0])


def a_class(costs_of_a_turn, turns: int) -> tuple[list[float], float]:
    """Let a class of ten have so many turns each; give what each has paid, and what was computed."""
    accounts, paid, took = [Account() for _ in range(10)], [0.0] * 10, 0.0
    for _ in range(turns):
        for number, account in enumerate(accounts):
            others = [other for other in accounts if other is not account]
            cost = costs_of_a_turn(number)
            took += cost
            paid[number] += account.charge(Turn(cost, 1), others)
    return paid, took


def test_who_does_the_same_pays_the_same_whatever_chance_it_takes():
    dice = random.Random(0)
    unlucky = [dice.uniform(0.85, 1.2) for _ in range(10)]
    paid, took = a_class(lambda number: 0.05 * unlucky[number] * dice.uniform(0.5, 1.6), 60)
    assert max(paid) / min(paid) < 1.1  # it took 1.4 times as much
    assert sum(paid) == pytest.approx(took, rel=0.05)


def test_a_bad_start_is_made_good():
    dice = random.Random(0)
    turns = iter(range(10**6))

    def cost(number: int) -> float:
        starting = next(turns) < 40
        return 0.3 if starting and number == 3 else 0.05 * dice.uniform(0.9, 1.1)

    paid, _ = a_class(cost, BEGINNING + 2)
    assert paid[3] == pytest.approx(statistics.median(paid), rel=0.25)


def test_who_does_more_in_a_step_pays_more():
    paid, _ = a_class(lambda number: 0.05 * (ALIKE * 1.2 if number < 5 else 1.0), 40)
    heavy, light = paid[:5], paid[5:]
    assert statistics.mean(heavy) == pytest.approx(ALIKE * 1.2 * statistics.mean(light), rel=0.01)


def test_a_turn_without_a_step_is_paid_for_too():
    account = Account()
    charged(account, [0.05] * (BEGINNING + 1))
    assert account.charge(Turn(0.03, 0), []) == pytest.approx(0.03)
