"""The decision of `decide.py` as the counter engine runs it: all meters of one account at once."""

from hashlib import sha1

from intertie.limits.decide import Policy

# The slack over what is remembered: an entry must not go while it counts.
_TTL_SLACK_MS = 60_000

TAKE, CHARGE, GIVE_BACK = "take", "charge", "back"
"""Take at most so many and look how it stands; count so many whatever the limit; undo.

The fourth word is, of `TAKE`, how many of them nobody waits for; of `GIVE_BACK`, when they were
taken."""

SCRIPT = """
local op, want, now, since = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local granted = want
local function text(number) return string.format('%.0f', number) end

-- A window is a hash: what its slots hold in all, the first and the last of them, and each.
local sliding = {}
function sliding.read(m)
  local held = redis.call('HMGET', m.key, 'total', 'first', 'last')
  m.slot = math.floor(now / m.a)
  m.total, m.first = tonumber(held[1]) or 0, tonumber(held[2]) or m.slot
  m.last = math.max(tonumber(held[3]) or m.slot, m.slot)
  local oldest = m.slot - m.b
  if (tonumber(held[3]) or m.slot) < oldest then
    redis.call('DEL', m.key)
    m.total, m.first = 0, m.slot
  end
  while m.first < oldest do
    m.total = m.total - (tonumber(redis.call('HGET', m.key, text(m.first))) or 0)
    redis.call('HDEL', m.key, text(m.first))
    m.first = m.first + 1
    m.changed = true
  end
  return m.count - m.total
end
function sliding.take(m, many)
  m.first = math.min(m.first, m.slot)
  m.total = m.total + many
  redis.call('HINCRBY', m.key, text(m.slot), text(many))
end
function sliding.back(m, many)
  local slot = text(math.floor(since / m.a))
  many = math.min(many, tonumber(redis.call('HGET', m.key, slot)) or 0)
  m.total = m.total - many
  if many > 0 and redis.call('HINCRBY', m.key, slot, text(-many)) == 0 then
    redis.call('HDEL', m.key, slot)
  end
end
function sliding.write(m)
  while m.first < m.slot and redis.call('HEXISTS', m.key, text(m.first)) == 0 do
    m.first = m.first + 1
  end
  redis.call('HSET', m.key, 'total', text(m.total), 'first', text(m.first), 'last', text(m.last))
end
function sliding.stand(m)
  local reset = m.total > 0 and (m.first + m.b + 1) * m.a - now or 0
  return m.count - m.total, reset
end

-- A bucket is the time at which it will be full again.
local bucket = {}
function bucket.free(m) return math.floor(math.max(m.b - (m.full - now), 0) / m.a) end
function bucket.read(m)
  m.full = math.max(tonumber(redis.call('GET', m.key)) or 0, now)
  return bucket.free(m)
end
function bucket.take(m, many) m.full = m.full + many * m.a end
function bucket.back(m, many) m.full = math.max(m.full - many * m.a, now) end
function bucket.write(m) redis.call('SET', m.key, text(m.full)) end
function bucket.stand(m)
  local owed = m.full - now
  return bucket.free(m), owed > 0 and m.a - (m.b - owed) % m.a or 0
end

-- A window of the calendar is a hash: when it ends, and what it holds.
local fixed = {}
local DAY = 86400000000
-- The first of the next month. Source: Hinnant, chrono-compatible low-level date algorithms; years
-- begin with March there.
local function month_end(at)
  local days = math.floor(at / DAY) + 719468
  local era = math.floor(days / 146097)
  local left = days - era * 146097
  local year = math.floor((left - math.floor(left / 1460) + math.floor(left / 36524)
    - math.floor(left / 146096)) / 365)
  local first = year * 365 + math.floor(year / 4) - math.floor(year / 100)
  local month = math.floor((5 * (left - first) + 2) / 153) + 1
  if month < 12 then
    return (era * 146097 + first + math.floor((153 * month + 2) / 5) - 719468) * DAY
  end
  year = era * 400 + year + 1
  local leaps = math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
  return (year * 365 + leaps - 719468) * DAY
end
local function window_end(m, at)
  if m.a == 0 then return month_end(at) end
  return (math.floor(at / m.a) + 1) * m.a
end
function fixed.read(m)
  local held = redis.call('HMGET', m.key, 'total', 'end')
  m.total, m.ends = tonumber(held[1]) or 0, tonumber(held[2]) or 0
  if now >= m.ends then m.total, m.ends = 0, window_end(m, now) end
  -- What is leased shortly before the end would be spent in the next window.
  if op == 'take' and now >= m.ends - m.b then granted = math.min(granted, want - since) end
  return m.count - m.total
end
function fixed.take(m, many) m.total = m.total + many end
function fixed.back(m, many)
  if window_end(m, since) == m.ends then m.total = math.max(m.total - many, 0) end
end
function fixed.write(m) redis.call('HSET', m.key, 'total', text(m.total), 'end', text(m.ends)) end
function fixed.stand(m) return m.count - m.total, m.total > 0 and m.ends - now or 0 end

local kinds = {sliding = sliding, bucket = bucket, fixed = fixed}
local meters = {}
for i, key in ipairs(KEYS) do
  local at = 4 + (i - 1) * 5
  local m = {key = key, count = tonumber(ARGV[at + 2]), ttl = ARGV[at + 5]}
  m.kind = kinds[ARGV[at + 1]]
  m.a, m.b = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local free = m.kind.read(m)
  granted = math.min(granted, free)
  meters[i] = m
end
if op ~= 'take' then granted = want end
granted = math.max(granted, 0)
local answer = {granted, now}
for _, m in ipairs(meters) do
  if granted > 0 then
    m.kind[op == 'back' and 'back' or 'take'](m, granted)
    m.changed = true
  end
  if m.changed then
    m.kind.write(m)
    redis.call('PEXPIRE', m.key, m.ttl)
  end
  local remaining, reset = m.kind.stand(m)
  table.insert(answer, math.max(remaining, 0))
  table.insert(answer, reset)
end
return answer
"""
SHA = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


def words(policy: Policy) -> tuple[str | int, ...]:
    """What the script is told of one meter, after its key."""
    ttl_ms = policy.period_us * 2 // 1000 + _TTL_SLACK_MS
    if policy.algorithm == "sliding":
        return "sliding", policy.count, policy.slot_us, policy.kept, ttl_ms
    if policy.algorithm == "fixed":
        period_us = 0 if policy.by_month else policy.period_us
        return "fixed", policy.count, period_us, policy.lag_us, ttl_ms
    return "bucket", policy.count, policy.gap_us, policy.depth_us, ttl_ms
