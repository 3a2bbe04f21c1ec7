#!lua
-- enqueue: append an event to its customer's stream and make the customer ready, in one step.
--   ARGV  1 customer key, 2 lane, 3 bound of the wake list, 4... field, value, ... of the entry
--   Returns 1. "OOM ..." when Redis is full: nothing was changed.
local key, lane, wake_max = ARGV[1], ARGV[2], ARGV[3]
-- First, because nothing is rolled back: an entry without its mark is found by the next event, a mark without its
-- entry would be a turn for nothing.
redis.call('XADD', stream_of(key), '*', unpack(ARGV, 4))

local lease = redis.call('HMGET', lease_of(key), 'state', 'lane', 'next')
local state = lease[1]
if state == 'leased' and not redis.call('ZSCORE', base .. ':leases', key) then
    state = nil -- a script that failed midway took the lease away and left the mark: stand in line again
end
if not state then
    make_ready(key, lane, wake_max)
elseif state == 'leased' then
    redis.call('HSET', lease_of(key), 'next', urgent(lease[3], lane))
elseif (state == 'delayed' or state == 'resting') and lane == 'interactive' then
    -- Somebody is waiting for an answer: that ends the delay.
    redis.call('ZREM', base .. ':' .. state, key)
    make_ready(key, lane, wake_max)
elseif state == 'resting' then
    redis.call('HSET', lease_of(key), 'lane', urgent(lease[2], lane))
elseif RANK[lane] < RANK[lease[2]] then
    if state == 'ready' then
        make_ready(key, lane, wake_max)
    else
        redis.call('HSET', lease_of(key), 'lane', lane)
    end
end
return 1
