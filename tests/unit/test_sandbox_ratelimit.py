"""The sandbox's rolling window."""

from app.sandbox.ratelimit import RateLimiter


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_the_window_rolls():
    clock = Clock()
    limiter = RateLimiter(2, clock)
    assert limiter.admit().allowed
    clock.now += 30
    assert limiter.admit().allowed
    refused = limiter.admit()
    assert (refused.allowed, refused.remaining, refused.reset_seconds) == (False, 0, 30)
    clock.now += 29.9
    assert not limiter.admit().allowed
    clock.now += 0.1
    assert limiter.admit().allowed
    assert not limiter.admit().allowed


def test_a_refused_request_does_not_count():
    clock = Clock()
    limiter = RateLimiter(1, clock)
    for _ in range(5):
        limiter.admit()
        clock.now += 15
    assert limiter.figures()["by_minute"] == [1, 1]


def test_without_a_limit_the_headers_ask_for_no_patience():
    limiter = RateLimiter(0, Clock())
    standings = [limiter.admit() for _ in range(500)]
    assert all(one.allowed and one.remaining > 900_000 for one in standings)


def test_figures_tell_the_busiest_minute_and_every_minute_since_the_first_request():
    clock = Clock()
    limiter = RateLimiter(180, clock)
    for pause in [0, 50, 20, 110]:
        clock.now += pause
        limiter.admit()
    assert limiter.figures() == {"limit": 180, "last_minute": 1, "peak_minute": 2, "by_minute": [2, 1, 0, 1]}


def test_a_reset_forgets_and_sets_the_limit():
    limiter = RateLimiter(1, Clock())
    limiter.admit()
    limiter.reset(5)
    assert limiter.admit().remaining == 4
