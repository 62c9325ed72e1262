"""Two BFF processes that answer the same request, one without something and one with it, taking turns."""

import contextlib
from collections.abc import Container, Sequence
from dataclasses import dataclass

import httpx

from bench.overhead import CONNECTIONS, SUCCESS, load, raw_request, take_turns
from bench.report import Figure, median
from bench.servers import Served

# Short rounds, many of them and in turn: so the machine's moods meet both.
ROUNDS = 15


@dataclass(frozen=True)
class Route:
    """What both are asked.

    Args:
        name: in words, with what it takes to be answered.
        method: as in RFC 9110.
        path: with its query.
        requests: in each round; enough for a quarter of a second.
        body: JSON.
        statuses: those that are expected.
    """

    name: str
    method: str
    path: str
    requests: int
    body: bytes = b""
    statuses: Container[int] = SUCCESS


@dataclass(frozen=True)
class Pair:
    """What came of it, of the one without first.

    Args:
        times: milliseconds of each answer.
        rates: requests a second of each round.
        processor: milliseconds of processor time that a request took in the rounds, which the machine's other
            work does not change: the process' own, its threads' and the kernel's for it.
    """

    times: tuple[Sequence[float], Sequence[float]]
    rates: tuple[Sequence[float], Sequence[float]]
    processor: tuple[float, float]

    @property
    def added(self) -> float:
        """Milliseconds, the median of what each turn added to the one before it."""
        return median([ours - bare for bare, ours in zip(*self.times, strict=True)])

    @property
    def kept(self) -> float:
        """The part of the rate that is left, the median of all rounds."""
        return median([ours / bare for bare, ours in zip(*self.rates, strict=True)])

    def figures(self, name: str, route: str, least: float = 0.6) -> list[Figure]:
        """Two lines of the table.

        Args:
            name: what is with the second and not with the first.
            route: of what.
            least: the part of the rate that should be left.
        """
        bare, ours = map(median, self.times)
        rate_bare, rate_ours = map(median, self.rates)
        return [
            Figure(
                name=f"{name}: added to {route}, median of {len(self.times[0])}",
                baseline=f"without {bare:.2f} ms",
                ours=f"{ours:.2f} ms ({self.added:+.2f} ms)",
                ratio=ours / bare,
                aim="+1 ms at most",
                met=self.added <= 1,
            ),
            Figure(
                name=f"{name}: the rate of {route}, {CONNECTIONS} connections",
                baseline=f"without {rate_bare:,.0f}/s, {self.processor[0]:.2f} ms of processor each",
                ours=f"{rate_ours:,.0f}/s, {self.processor[1]:.2f} ms",
                ratio=self.kept,
                aim=f"{least:.0%} at least",
                met=self.kept >= least,
            ),
        ]


async def compare(without: Served, ours: Served, token: str, route: Route) -> Pair:
    """Single requests in turn, then rounds of many at once in turn.

    Raises:
        RuntimeError: an answer was not what the route expects.
    """
    headers = {"Authorization": f"Bearer {token}"}
    if route.body:
        headers["Content-Type"] = "application/json"
    async with contextlib.AsyncExitStack() as held:
        clients = [
            await held.enter_async_context(httpx.AsyncClient(base_url=each.url, headers=headers, timeout=30))
            for each in (without, ours)
        ]
        bare, full = clients
        times = await take_turns(
            lambda _: bare.request(route.method, route.path, content=route.body),
            lambda _: full.request(route.method, route.path, content=route.body),
            route.statuses,
        )
    request = raw_request(route.method, route.path, token, route.body)
    rates: tuple[list[float], list[float]] = ([], [])
    spent = [0.0, 0.0]
    order = [0, 1]
    for _ in range(ROUNDS):
        for which in order:
            served = (without, ours)[which]
            before = served.cpu
            rates[which].append(await load(served.port, request, route.requests, route.statuses))
            spent[which] += served.cpu - before
        # Who comes second meets what the first has left behind, in the database too.
        order.reverse()
    bare_spent, full_spent = (1000 * each / (ROUNDS * route.requests) for each in spent)
    return Pair(times, rates, (bare_spent, full_spent))
