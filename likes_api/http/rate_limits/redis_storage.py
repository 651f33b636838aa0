"""The counters of rate limits in Redis: one script decides on all limits of a request, in one round trip.

A window is a list with the newest request first, as in the script of ``limits``, which knows one window only. Times are
those of the Redis server, so machines need no common clock.
"""

from collections.abc import Sequence

from limits.storage.redis import RedisStorage

from likes_api.http.rate_limits.windows import Window, WindowStorage

# Each key comes with two arguments, amount and seconds. The answer is a string: Redis would cut a number's fraction.
_TAKE = """
local time = redis.call('time')
local now = time[1] + time[2] / 1000000
local wait = false
for i, key in ipairs(KEYS) do
    local first = redis.call('lindex', key, ARGV[2 * i - 1] - 1)
    if first and first + ARGV[2 * i] >= now then
        wait = math.max(wait or 0, first + ARGV[2 * i] - now)
    end
end
if wait then
    return tostring(wait)
end
for i, key in ipairs(KEYS) do
    redis.call('lpush', key, string.format('%.6f', now))
    redis.call('ltrim', key, 0, ARGV[2 * i - 1] - 1)
    redis.call('expire', key, ARGV[2 * i])
end
return false
"""


class RedisWindows(RedisStorage, WindowStorage):
    """``limits``' own storage, with a script for all windows of a request."""

    STORAGE_SCHEME = ["redis", "rediss", "redis+unix"]  # noqa: RUF012 - so ``limits`` has it

    def initialize_storage(self, uri: str) -> None:
        """Prepare the scripts; nothing is sent before the first request."""
        super().initialize_storage(uri)
        self._take = self.get_connection().register_script(_TAKE.encode())

    def take(self, windows: Sequence[Window]) -> float | None:
        """Count a request in all windows or in none; see :meth:`WindowStorage.take`."""
        keys = [self.prefixed_key(window.key) for window in windows]
        wait = self._take(keys, [number for window in windows for number in (window.amount, window.seconds)])
        return None if wait is None else float(wait)
