-- What the verbs of the queue share. docs/queue.md has the keys, the states and what each crash leaves.
-- Every key is <base>:..., base being KEYS[1] with its hash tag, so that a script touches one slot.
--
-- Kept by every verb, for each customer:
--   a stream exists       =>  its lease hash exists; a hash without a stream is resting
--   state ready          =>   the customer is in ready:<lane of the hash>. It may also be in other lanes, or twice:
--                             such entries are stale, and whoever pops one compares it with the hash and moves on.
--   state delayed        <=>  it is in the delayed set
--   state leased         <=>  it is in the leases set
--   state resting        <=>  it is in the resting set: it had a turn a moment ago, and what comes meanwhile waits for
--                             the next, so that one turn's reads serve a whole burst. The hash has a lane only if
--                             something came.
local base = KEYS[1]
local RANK = {interactive = 1, webhook = 2, sweep = 3}

local function stream_of(key)
    return base .. ':stream:' .. key
end

local function lease_of(key)
    return base .. ':lease:' .. key
end

local function now_ms()
    local time = redis.call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The more urgent of two lanes; either may be missing (nil or false).
local function urgent(a, b)
    if not a or (b and RANK[b] < RANK[a]) then
        return b
    end
    return a
end

-- One token per customer made ready; take drops them all once nothing is left to take.
local function wake(list_max)
    if redis.call('LLEN', base .. ':wake') < tonumber(list_max) then
        redis.call('RPUSH', base .. ':wake', '1')
    end
end

-- To the end of the lane. What belonged to a lease is forgotten; attempts stay.
local function make_ready(key, lane, wake_max)
    redis.call('HDEL', lease_of(key), 'token', 'owner', 'next', 'more')
    redis.call('HSET', lease_of(key), 'state', 'ready', 'lane', lane)
    redis.call('RPUSH', base .. ':ready:' .. lane, key)
    wake(wake_max)
end

local function is_held(key, token)
    local lease = redis.call('HMGET', lease_of(key), 'state', 'token')
    return lease[1] == 'leased' and lease[2] == token
end

-- End a lease whose entries are dealt with: delete those, and stand in line again if more came, in the lane of the
-- most urgent of what is left, after a rest. What the turn could not take, and whoever waits for an answer, need not
-- rest. With nothing left and no rest, nothing of the customer remains.
local function finish(key, wake_max, ids, rest_ms)
    local lease = redis.call('HMGET', lease_of(key), 'lane', 'next', 'more')
    redis.call('ZREM', base .. ':leases', key)
    redis.call('HDEL', lease_of(key), 'attempts')
    if #ids > 0 then
        redis.call('XDEL', stream_of(key), unpack(ids))
    end
    local left = redis.call('XLEN', stream_of(key)) > 0
    if not left then
        redis.call('DEL', stream_of(key))
    end
    local lane = left and (urgent(lease[3] and lease[1], lease[2]) or lease[1])
    if rest_ms > 0 and not (left and lease[3]) and lane ~= 'interactive' then
        redis.call('DEL', lease_of(key))
        redis.call('HSET', lease_of(key), 'state', 'resting')
        if lane then
            redis.call('HSET', lease_of(key), 'lane', lane)
        end
        redis.call('ZADD', base .. ':resting', now_ms() + rest_ms, key)
    elseif left then
        make_ready(key, lane, wake_max)
    else
        redis.call('DEL', lease_of(key))
    end
end
