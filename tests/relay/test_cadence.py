"""How often the log is asked, and when Realtime is found to be deaf."""

from bff.relay.cadence import CONVALESCENCE_SECONDS, PATIENCE_SECONDS, REBUILD_SECONDS, Cadence


class World:
    """A cadence with a clock of its own: a poll happens when it is due."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.cadence = Cadence(slow=15, fast=1, clock=lambda: self.now)

    def settle(self) -> None:
        self.cadence.feed_changed(up=True)
        self.cadence.polled({})
        while self.cadence.delay == 1:
            self.poll()

    def is_deaf(self) -> bool:
        return self.cadence.deaf

    def poll(self, **found: int) -> bool:
        self.now += self.cadence.delay
        return self.cadence.polled(found)

    def lose(self, seq: int) -> bool:
        """Polls until what only the log knew is believed lost; whether a rebuild was asked for."""
        rebuild = self.poll(org=seq)
        for _ in range(int(PATIENCE_SECONDS) + 1):
            rebuild = self.poll() or rebuild
        return rebuild


def test_without_realtime_the_log_is_asked_each_second() -> None:
    world = World()
    for _ in range(5):
        world.poll()
        assert world.cadence.delay == 1


def test_with_realtime_up_and_nothing_lost_it_is_asked_every_fifteen_seconds() -> None:
    world = World()
    world.settle()
    assert world.cadence.delay == 15


def test_each_change_of_the_feed_makes_it_fast_again() -> None:
    world = World()
    world.settle()
    world.cadence.feed_changed(up=False)
    assert world.cadence.delay == 1
    world.poll()
    assert world.cadence.delay == 1


def test_a_log_that_cannot_be_read_is_asked_each_second() -> None:
    world = World()
    world.settle()
    assert world.cadence.polled(None) is False
    assert world.cadence.delay == 1


def test_rows_of_the_time_before_the_join_do_not_make_the_feed_deaf() -> None:
    world = World()
    world.cadence.feed_changed(up=True)
    assert not world.cadence.polled({"org": 5})
    assert not world.poll(org=6)
    for _ in range(10):
        assert not world.poll()
    assert world.cadence.delay == 15


def test_a_message_that_is_only_late_does_not_make_the_feed_deaf() -> None:
    world = World()
    world.settle()
    world.poll(org=5)
    assert world.cadence.delay == 1
    world.cadence.heard("org", 5)
    for _ in range(10):
        assert not world.poll()
    assert world.cadence.delay == 15
    assert not world.cadence.deaf


def test_a_message_that_was_heard_before_the_poll_found_it_does_not_make_the_feed_deaf() -> None:
    world = World()
    world.settle()
    world.cadence.heard("org", 5)
    world.poll(org=5)
    for _ in range(10):
        assert not world.poll()


def test_a_feed_that_is_always_a_little_late_is_not_deaf() -> None:
    world = World()
    world.settle()
    late = int(PATIENCE_SECONDS) - 1
    for seq in range(1, 20):
        assert not world.poll(org=seq)
        if seq > late:
            world.cadence.heard("org", seq - late)
    assert not world.cadence.deaf


def test_what_one_organisation_hears_does_not_hide_what_another_lost() -> None:
    world = World()
    world.settle()
    rebuild = world.poll(org=5, other=7)
    for _ in range(int(PATIENCE_SECONDS) + 1):
        world.cadence.heard("other", 7)
        rebuild = world.poll() or rebuild
    assert rebuild


def test_the_first_of_a_burst_that_is_heard_does_not_hide_that_the_last_is_lost() -> None:
    world = World()
    world.settle()
    assert not world.poll(org=5)
    assert not world.poll(org=9)
    world.cadence.heard("org", 6)
    rebuild = False
    for _ in range(int(PATIENCE_SECONDS) + 1):
        rebuild = world.poll() or rebuild
    assert rebuild


def test_a_log_that_counts_anew_after_a_restore_is_watched_all_the_same() -> None:
    world = World()
    world.settle()
    world.cadence.heard("org", 1_000)
    world.cadence.feed_changed(up=False)
    world.settle()
    assert world.lose(5)


def test_a_gap_of_our_own_making_is_not_held_against_the_feed() -> None:
    world = World()
    world.settle()
    world.poll(org=5)
    world.cadence.feed_changed(up=True)
    for _ in range(10):
        assert not world.poll()
    assert world.cadence.delay == 15


def test_a_deaf_feed_is_rebuilt_once_then_the_log_is_asked_each_second_and_never_in_a_loop() -> None:
    world = World()
    world.settle()
    assert world.lose(5)
    world.cadence.feed_changed(up=False)
    world.settle()
    assert not world.lose(6)
    assert world.cadence.deaf
    for seq in range(7, 30):
        assert not world.lose(seq)
        assert world.cadence.delay == 1


def test_a_feed_that_hears_again_is_believed_after_a_while() -> None:
    world = World()
    world.settle()
    world.lose(5)
    world.cadence.feed_changed(up=True)
    world.settle()
    world.lose(6)
    assert world.is_deaf()
    world.cadence.heard("org", 7)
    for _ in range(int(CONVALESCENCE_SECONDS) + 1):
        world.poll()
    assert not world.is_deaf()
    assert world.cadence.delay == 15


def test_much_later_a_deaf_feed_may_be_rebuilt_again() -> None:
    world = World()
    world.settle()
    assert world.lose(5)
    world.now += REBUILD_SECONDS
    assert world.lose(6)
