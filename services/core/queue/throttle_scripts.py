"""The limiter's two scripts; plain EVAL, so any Redis from 6.2 on runs them."""

RESERVE = """
-- Reserve the next slot of a shared rate; one call, on the server's clock, in microseconds.
--
-- KEYS[1] the state: next (earliest next slot), next_read, quiet_until, run (the server process that wrote it)
-- ARGV    period, guard, tolerance, share of reads, horizon, max_wait, kind ("send" or "read"), lead
-- answers {1, wait, now}: the slot is yours in `wait`; or {0, retry_in, now}: nothing was reserved
--
-- The slot is not nearer than `lead`, which the caller needs to be ready for it.
--
-- A caller uses its slot within `tolerance` or not at all. Slots lie a period and the guard's share apart, and a
-- tolerance above the guard is added to the distance after it; so no second holds more slots in use than the rate.

local key = KEYS[1]
local period, guard, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local share, horizon, max_wait = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local is_read = ARGV[7] == 'read'
local lead = tonumber(ARGV[8]) or 0

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local spacing = period * (1 + guard / 1000000)
local extra = math.max(0, tolerance - guard)

-- A restarted or promoted server may have forgotten its last writes; an older state is no better than none.
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or 'unknown'

local state = redis.call('HMGET', key, 'next', 'next_read', 'quiet_until', 'run')
local next_slot = tonumber(state[1])
local next_read = tonumber(state[2]) or 0
local quiet_until = tonumber(state[3]) or 0

local function whole(number) return string.format('%.0f', number) end

-- Somebody may still hold any slot up to the horizon: without a trustworthy state, begin after all of them.
-- A state beyond what can have been given out means that the server's clock went back.
local latest = math.max(now, quiet_until) + horizon + 2 * spacing
if not next_slot or state[4] ~= run or next_slot > latest then
  next_slot = now + horizon + spacing
  next_read = 0
  redis.call('HSET', key, 'next', whole(next_slot), 'next_read', '0', 'run', run)
end

local slot = math.max(now + lead, next_slot, quiet_until)
local wait = slot - now
local longest = math.min(max_wait, horizon - extra)
if wait > longest then
  return {0, whole(wait - longest), whole(now)}
end
if is_read and next_read > slot then
  return {0, whole(next_read - slot), whole(now)}
end

redis.call('HSET', key, 'next', whole(slot + spacing + extra))
if is_read then
  redis.call('HSET', key, 'next_read', whole(slot + spacing / share))
end
return {1, whole(wait), whole(now)}
"""

BACK_OFF = """
local time = redis.call('TIME')
local until_ = time[1] * 1000000 + time[2] + ARGV[1]
local known = tonumber(redis.call('HGET', KEYS[1], 'quiet_until')) or 0
redis.call('HSET', KEYS[1], 'quiet_until', string.format('%.0f', math.max(known, until_)))
"""
