"""The witness in Redis: which life of the database sent last, and the number of its newest attempt.

It lies outside the database, so that files which are put back don't bring it along. It may be emptied at any time.
"""

from collections.abc import Sequence
from typing import cast

from redis.exceptions import RedisError

from services.core.domain.lineage import Witnessed
from services.core.queue.connection import connect
from services.core.queue.enqueue import BrokerUnavailable

ATTEST = """
-- KEYS[1] the witness: incarnation, epoch
-- ARGV    epoch, the database's incarnations from the present one to the oldest
-- answers 1, or 0 when it has heard of another database's life: then nothing is written

local known = redis.call('HMGET', KEYS[1], 'incarnation', 'epoch')
if known[1] == ARGV[2] then
  if tonumber(ARGV[1]) > tonumber(known[2]) then
    redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
  end
  return 1
end
local is_ours = not known[1]
for index = 3, #ARGV do
  is_ours = is_ours or known[1] == ARGV[index]
end
if not is_ours then
  return 0
end
redis.call('HSET', KEYS[1], 'incarnation', ARGV[2], 'epoch', ARGV[1])
return 1
"""


class WitnessUnavailable(BrokerUnavailable):
    """Redis did not answer; what it was told, it may have heard. Ask again later."""


class Witness:
    """One for each sending number; `name` is its key's fingerprint. Everything raises `WitnessUnavailable`."""

    def __init__(self, redis_url: str, *, name: str) -> None:
        self._redis = connect(redis_url)
        self._key = f"witness:{name}"
        self._attest = self._redis.register_script(ATTEST)

    def read(self) -> Witnessed | None:
        """What it last heard; None when it knows nothing, or nothing any more."""
        try:
            incarnation, epoch = cast(
                "tuple[str | None, str | None]", tuple(self._redis.hmget(self._key, "incarnation", "epoch"))
            )
        except RedisError as error:
            raise WitnessUnavailable(str(error)) from error
        return None if incarnation is None or epoch is None else Witnessed(incarnation, int(epoch))

    def attest(self, incarnations: Sequence[str], epoch: int) -> bool:
        """Tell it of an attempt of the last of `incarnations`; false when another database was adopted meanwhile.

        An emptied witness, or one that has only heard of an earlier life of the same database, believes.
        """
        try:
            return bool(self._attest(keys=[self._key], args=[epoch, *reversed(incarnations)]))
        except RedisError as error:
            raise WitnessUnavailable(str(error)) from error

    def replace(self, witnessed: Witnessed) -> None:
        """Let it believe only this from now on: a person has said so."""
        try:
            self._redis.hset(self._key, mapping={"incarnation": witnessed.incarnation, "epoch": str(witnessed.epoch)})
        except RedisError as error:
            raise WitnessUnavailable(str(error)) from error

    def close(self) -> None:
        self._redis.close()
