#!lua flags=allow-oom
-- retry: give the lease back; the customer is due again after a delay.
--   ARGV  1 customer key, 2 token, 3 bound of the wake list, 4 delay in ms, 5 "1": the attempt counts, "0": it does not
--   Returns 1; 0 if the lease is no longer held: nothing was changed.
local key, delay_ms = ARGV[1], assert(tonumber(ARGV[4]), 'retry: no delay')
if not is_held(key, ARGV[2]) then
    return 0
end
redis.call('ZREM', base .. ':leases', key)
if ARGV[5] == '0' then
    redis.call('HINCRBY', lease_of(key), 'attempts', -1)
end
local lease = redis.call('HMGET', lease_of(key), 'lane', 'next')
local lane = urgent(lease[1], lease[2])
-- Who asked for an answer while the turn ran gets a turn now; that costs one request each, so it cannot loop.
if delay_ms == 0 or lease[2] == 'interactive' then
    make_ready(key, lane, ARGV[3])
else
    redis.call('HDEL', lease_of(key), 'token', 'owner', 'next', 'more')
    redis.call('HSET', lease_of(key), 'state', 'delayed', 'lane', lane)
    redis.call('ZADD', base .. ':delayed', now_ms() + delay_ms, key)
end
return 1
