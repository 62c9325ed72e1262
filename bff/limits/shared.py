"""Sliding windows that all processes share: all policies of a request counted in one step.

The rule is that of the library `limits`, whose client and scripts take one policy at a time
(docs/decisions/limits-in-one-exchange.md).
"""

from collections.abc import Sequence
from typing import Any, Final

from bff.limits.link import Command, Link, Script
from bff.limits.windows import Charge, Standing, Window, standing

PREFIX: Final = "reservepty:limit"
# Keys: for each policy, the counter of the window before and of this one. Arguments: for each, its amount and
# the window's seconds. Counts under all, or under none where one has no room. Answers for each whether it has
# room, and the counters, each with the milliseconds of its life: this window's lives for two windows, and
# becomes the one before when the first of them is over.
COUNT: Final = Script("""
local standings, fits = {}, true
for index = 1, #KEYS / 2 do
    local before, current = KEYS[2 * index - 1], KEYS[2 * index]
    local amount, window = tonumber(ARGV[2 * index - 1]), ARGV[2 * index] * 1000
    local life = redis.call('pttl', current)
    if life > 0 and life < window then
        redis.call('rename', current, before)
        life = life + window
        redis.call('set', current, 0, 'PX', life)
    end
    local count = life > 0 and tonumber(redis.call('get', current)) or 0
    local left = math.max(redis.call('pttl', before), 0)
    local earlier = left > 0 and tonumber(redis.call('get', before)) or 0
    local has_room = math.floor(earlier * left / window) + count < amount
    fits = fits and has_room
    standings[index] = {has_room and 1 or 0, earlier, left, count, life}
end
for index, standing in ipairs(standings) do
    local current, window = KEYS[2 * index], ARGV[2 * index] * 1000
    local is_new = standing[5] <= 0
    if is_new then
        standing[5] = 2 * window
    end
    if fits then
        standing[4] = standing[4] + 1
        if is_new then
            redis.call('set', current, 1, 'PX', 2 * window)
        else
            redis.call('incr', current)
        end
    end
end
return standings
""")


class SharedWindows:
    """Counts in Redis.

    Args:
        link: To Redis; knows the script of this module.
    """

    def __init__(self, link: Link) -> None:
        self._link = link

    async def take(self, charges: Sequence[Charge]) -> list[Standing]:
        """Counts a request under all of its policies, or under none if one of them refuses.

        Args:
            charges: Of one subject.

        Raises:
            AwayError: Redis is not there; it may have counted all the same.
        """

        def read(answers: list[Any]) -> list[Standing]:
            [standings] = answers
            return [_standing(*each) for each in zip(charges, standings, strict=True)]

        return await self._link.exchange(read, _command(charges))


def _command(charges: Sequence[Charge]) -> Command:
    keys: list[str] = []
    amounts: list[int] = []
    for policy, key in charges:
        # The subject in braces: all keys are on one node of a cluster. Other amounts or windows are other
        # keys, or a deploy that changes one would count in the measure of the other.
        current = f"{PREFIX}:{{{key}}}:{policy.name}:{policy.amount}:{policy.window}"
        keys += (f"{current}/-1", current)
        amounts += (policy.amount, policy.window)
    return COUNT, len(keys), (*keys, *amounts)


def _standing(charge: Charge, answer: Sequence[int]) -> Standing:
    policy = charge.policy
    has_room, previous, previous_life, current, current_life = answer
    # The window before ends when this one does.
    left = previous_life / 1000 if previous else current_life / 1000 - policy.window
    window = Window(previous, current, min(max(0.0, left), policy.window))
    return standing(policy, policy.amount, window, allowed=bool(has_room), shared=True)
