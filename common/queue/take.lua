#!lua flags=allow-oom
-- take: lease customers, with their oldest entries. The attempt is counted here, so that a customer that kills
-- workers is counted too.
--   ARGV  1 customers at most, 2 lease in ms, 3 owner, 4 nonce (the tokens are <nonce>-<n>), 5 entries at most of
--         one customer, 6 entries in all after which no further customer is taken, 7 bound of the wake list
--   Returns {{key, token, attempts, lane, {{entry id, {field, value, ...}}, ...}}, ...}
local customers_max, lease_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local owner, nonce = ARGV[3], ARGV[4]
local entries_max, total_max, wake_max = ARGV[5], tonumber(ARGV[6]), ARGV[7]
local DUE_MAX = 256   -- moved from each set in one call
local SKIP_MAX = 1000 -- stale entries passed over in one call
local LEASE_MS_MAX = 3600001 -- above the largest INSTEP_LEASE_MS
local REST_MS_MAX = 60001 -- above the largest INSTEP_CUSTOMER_REST_MS
local now = now_ms()

-- What is over becomes ready: leases of workers that fell silent, and delays. Attempts stay counted.
for _, set in ipairs({':leases', ':delayed'}) do
    for _, key in ipairs(redis.call('ZRANGEBYSCORE', base .. set, '-inf', now, 'LIMIT', 0, DUE_MAX)) do
        redis.call('ZREM', base .. set, key)
        local lease = redis.call('HMGET', lease_of(key), 'lane', 'next')
        if lease[1] then
            make_ready(key, urgent(lease[1], lease[2]), wake_max)
        end
    end
end

-- Who has rested is ready if something came meanwhile, else forgotten. A rest that seems longer than any saw the clock
-- being set back.
local function rested(from, to)
    for _, key in ipairs(redis.call('ZRANGEBYSCORE', base .. ':resting', from, to, 'LIMIT', 0, DUE_MAX)) do
        redis.call('ZREM', base .. ':resting', key)
        local lane = redis.call('HGET', lease_of(key), 'lane')
        if lane then
            make_ready(key, lane, wake_max)
        else
            redis.call('DEL', lease_of(key))
        end
    end
end
rested('-inf', now)
rested(now + REST_MS_MAX, '+inf')

-- No lease is given for more than LEASE_MS_MAX: one that seems to be saw the clock being set back, and shall not last
-- until that time has come again.
for _, key in ipairs(redis.call('ZRANGEBYSCORE', base .. ':leases', now + LEASE_MS_MAX, '+inf', 'LIMIT', 0, DUE_MAX)) do
    redis.call('ZADD', base .. ':leases', now + lease_ms, key)
end

-- Of 16 turns, 12 go to the most urgent lane first, 3 to webhook first, 1 to sweep first: none starves.
local function lanes_of(turn)
    if turn % 16 == 15 then
        return {'sweep', 'interactive', 'webhook'}
    elseif turn % 4 == 3 then
        return {'webhook', 'interactive', 'sweep'}
    end
    return {'interactive', 'webhook', 'sweep'}
end

local skips = 0

local function pop(turn)
    for _, lane in ipairs(lanes_of(turn)) do
        while skips < SKIP_MAX do
            local key = redis.call('LPOP', base .. ':ready:' .. lane)
            if not key then
                break
            end
            local lease = redis.call('HMGET', lease_of(key), 'state', 'lane')
            if lease[1] == 'ready' and lease[2] == lane then
                return key, lane
            end
            skips = skips + 1
        end
    end
end

local function lease_out(key, lane, token)
    local entries = redis.call('XRANGE', stream_of(key), '-', '+', 'COUNT', entries_max)
    if #entries == 0 then -- the stream vanished (somebody deleted it): nothing to do for this customer
        redis.call('DEL', stream_of(key), lease_of(key))
        return nil
    end
    redis.call('HSET', lease_of(key), 'state', 'leased', 'token', token, 'owner', owner)
    if redis.call('XLEN', stream_of(key)) > #entries then
        redis.call('HSET', lease_of(key), 'more', '1')
    end
    redis.call('ZADD', base .. ':leases', now + lease_ms, key)
    return {key, token, redis.call('HINCRBY', lease_of(key), 'attempts', 1), lane, entries}
end

local taken, total = {}, 0
local first = tonumber(redis.call('GET', base .. ':rotation') or 0)
local turn = first
while #taken < customers_max and total < total_max do
    local key, lane = pop(turn)
    if not key then
        break
    end
    local lease = lease_out(key, lane, nonce .. '-' .. #taken)
    if lease then
        taken[#taken + 1] = lease
        total = total + #lease[5]
        turn = turn + 1
    end
end
local lanes = base .. ':ready:'
if redis.call('EXISTS', lanes .. 'interactive', lanes .. 'webhook', lanes .. 'sweep') == 0 then
    -- Nobody need be woken, and an idle queue leaves no key.
    redis.call('DEL', base .. ':wake', base .. ':rotation')
elseif turn ~= first then
    redis.call('SET', base .. ':rotation', turn % 16)
end
return taken
