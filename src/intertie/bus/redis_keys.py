"""How the bus lies in Redis: names of keys, scripts that change several at once, packed messages.

    {exchange}:s:TOPIC         stream of a topic; TOPIC!high and TOPIC!low beside it
    {exchange}:r:GROUP|PATTERN stream of what comes again to one group
    {exchange}:d:GROUP|PATTERN sorted set of what comes again later, by time
    {exchange}:x:GROUP         stream of a group's dead letters
    {exchange}:i:TOPIC:ID      this id was published (for minutes)
    {exchange}:topics          set of topics (with !priority), {exchange}:new announces each
    {exchange}:groups          set of GROUP|PATTERN

The braces keep an exchange on one node of a cluster.
"""

import json
from dataclasses import dataclass
from itertools import groupby

from intertie.bus.port import PRIORITIES, Message, Priority, Subscription
from intertie.bus.redis_wire import Reply
from intertie.bus.topics import matches

_PRIORITY: dict[str, Priority] = {each: each for each in PRIORITIES}

RELEASED = "-"
"""The consumer that holds what a consumer left in hand."""

NEW = b"new"
"""What PUBLISH answers for a topic that nobody has introduced, or that was forgotten since."""

# When it is old is for the server's clock to say: one publisher's wrong one would take all away.
PUBLISH = """
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
if redis.call('SISMEMBER', KEYS[3], ARGV[5]) == 0 then return 'new' end
local oldest = math.max(0, redis.call('TIME')[1] * 1000 - ARGV[4])
redis.call('XADD', KEYS[2], 'MINID', '~', string.format('%.0f', oldest), '*',
           'id', ARGV[1], 'data', ARGV[2], 'key', ARGV[3])
redis.call('SET', KEYS[1], '', 'EX', 600)
return false
"""
INTRODUCE = """
if redis.call('SADD', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, '*', 'topic', ARGV[1])
return 1
"""
READ = """
local found, left = {}, tonumber(ARGV[3])
for _, key in ipairs(KEYS) do
  local got = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', left,
                         'STREAMS', key, '>')
  if got then
    found[#found + 1] = got[1]
    left = left - #got[1][2]
    if left <= 0 then break end
  end
end
return found
"""
COUNT_DEAD = """
local count, from = 0, '-'
while true do
  local some = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 10)
  if #some == 0 then return count end
  for _, each in ipairs(some) do
    if each[2][6] == ARGV[1] then count = count + 1 end
  end
  from = '(' .. some[#some][1]
end
"""
FORGET = """
for _, each in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  if each[4] == 0 and each[6] >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], each[2])
  end
end
return false
"""
RETRY = """
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
if KEYS[1] == KEYS[2] then redis.call('XDEL', KEYS[1], ARGV[2]) end
if tonumber(ARGV[4]) > 0 then
  local t = redis.call('TIME')
  redis.call('ZADD', KEYS[3], t[1] * 1000 + math.floor(t[2] / 1000) + ARGV[4], ARGV[3])
else
  redis.call('XADD', KEYS[2], '*', 'm', ARGV[3])
end
return 1
"""
BURY = """
if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end
if KEYS[1] == KEYS[2] then redis.call('XDEL', KEYS[1], ARGV[2]) end
redis.call('XADD', KEYS[3], '*', 'm', ARGV[3], 'reason', ARGV[4], 'lane', KEYS[2])
return 1
"""
REPLAY = """
if redis.call('XDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('XADD', KEYS[2], '*', 'm', ARGV[2])
return 1
"""
RELEASE = """
while true do
  local held = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1000, ARGV[2])
  if #held == 0 then break end
  for _, each in ipairs(held) do
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[3], 0, each[1], 'IDLE', ARGV[4], 'JUSTID')
  end
end
return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
"""
MOVE_DUE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
for _, m in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)) do
  redis.call('XADD', KEYS[2], '*', 'm', m)
  redis.call('ZREM', KEYS[1], m)
end
local nxt = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
if #nxt == 0 then return -1 end
return math.max(0, nxt[2] - now)
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """Of one exchange."""

    exchange: str

    @property
    def topics(self) -> str:
        """Set."""
        return f"{{{self.exchange}}}:topics"

    @property
    def announcements(self) -> str:
        """Stream."""
        return f"{{{self.exchange}}}:new"

    @property
    def groups(self) -> str:
        """Set."""
        return f"{{{self.exchange}}}:groups"

    def stream(self, topic: str) -> str:
        """`topic` may end in !high or !low."""
        return f"{{{self.exchange}}}:s:{topic}"

    def topic_of(self, stream: str) -> str:
        """The other way round."""
        return stream.partition(":s:")[2]

    def lane(self, group_id: str) -> str:
        """What comes again."""
        return f"{{{self.exchange}}}:r:{group_id}"

    def delayed(self, group_id: str) -> str:
        """What comes again later."""
        return f"{{{self.exchange}}}:d:{group_id}"

    def dead(self, group: str) -> str:
        """Dead letters."""
        return f"{{{self.exchange}}}:x:{group}"

    def published(self, message: Message) -> str:
        """Is there when it was published."""
        return f"{{{self.exchange}}}:i:{message.topic}:{message.id}"


def group_id(subscription: Subscription) -> str:
    """A group is known by name and pattern together; neither holds a `|`."""
    return f"{subscription.group}|{subscription.pattern}"


def with_priority(message: Message) -> str:
    """The topic, as its stream is named."""
    suffix = "" if message.priority == "normal" else f"!{message.priority}"
    return f"{message.topic}{suffix}"


def wanted(pattern: str, topics: set[str]) -> list[str]:
    """Those of the topics (with !priority) that match, the urgent ones first."""
    found = [topic for topic in topics if matches(pattern, topic.partition("!")[0])]
    return sorted(found, key=lambda topic: (rank(topic), topic))


def by_rank(streams: list[str]) -> list[list[str]]:
    """Streams in the order of `wanted`, those of one priority together."""
    return [list(each) for _, each in groupby(streams, rank)]


def pack(message: Message, tries: int) -> bytes:
    """A message with its count of tries, as one value."""
    head = {
        "topic": message.topic,
        "id": message.id,
        "key": message.key,
        "priority": message.priority,
        "tries": tries,
    }
    return json.dumps(head).encode() + b"\n" + message.body


def unpack(packed: bytes) -> tuple[Message, int]:
    """The other way round."""
    first, _, body = packed.partition(b"\n")
    head = json.loads(first)
    message = Message(head["topic"], body, head["id"], head["key"], head["priority"])
    return message, head["tries"]


def read_entry(topic: str, entry_id: bytes, fields: list[bytes]) -> Message:
    """A message from its topic's stream; another program's may lack an id."""
    found = dict(zip(fields[::2], fields[1::2], strict=True))
    name, _, priority = topic.partition("!")
    key = found.get(b"key", b"")
    return Message(
        name,
        found.get(b"data", b""),
        found.get(b"id", entry_id).decode(errors="replace"),
        key[1:].decode(errors="replace") if key else None,
        _PRIORITY.get(priority, "normal"),
    )


def pairs(reply: Reply) -> dict[str, Reply]:
    """A flat list of names and values as a mapping."""
    return {name.decode(): value for name, value in zip(reply[::2], reply[1::2], strict=True)}


def rank(topic: str) -> int:
    """0 is most urgent; of a topic with !priority, or of its stream."""
    priority = topic.partition("!")[2] or "normal"
    return next((n for n, each in enumerate(PRIORITIES) if each == priority), len(PRIORITIES))


def claimed(reply: Reply) -> list[Reply]:
    """The entries of XAUTOCLAIM's answer; Redis 6.2 has nothing in place of those trimmed away."""
    return [each for each in reply[1] if each is not None and each[1]]


def lag(found: dict[str, Reply]) -> int | None:
    """Of a group's XINFO: Redis 6.2 does not count, and without a group nothing waits."""
    return found.get("lag") if found else 0
