#!lua flags=no-writes,allow-oom
-- measure: how much waits, and since when.
--   Returns {ready interactive, webhook, sweep, delayed, leased, resting, ms the most overdue is late, ms the oldest entry of
--   the lanes' heads waits, buried}. Ready counts stale entries too, so it may be a little high.
local HEAD_MAX = 16 -- entries of a lane looked at for one that is not stale
local now = now_ms()
local result = {}
local waiting = 0

for rank, lane in ipairs({'interactive', 'webhook', 'sweep'}) do
    result[rank] = redis.call('LLEN', base .. ':ready:' .. lane)
    for _, key in ipairs(redis.call('LRANGE', base .. ':ready:' .. lane, 0, HEAD_MAX - 1)) do
        local lease = redis.call('HMGET', lease_of(key), 'state', 'lane')
        if lease[1] == 'ready' and lease[2] == lane then
            local oldest = redis.call('XRANGE', stream_of(key), '-', '+', 'COUNT', 1)[1]
            if oldest then
                waiting = math.max(waiting, now - tonumber(string.match(oldest[1], '^%d+')))
            end
            break
        end
    end
end

local late = 0
for _, set in ipairs({':delayed', ':leases'}) do
    result[#result + 1] = redis.call('ZCARD', base .. set)
    local first = redis.call('ZRANGE', base .. set, 0, 0, 'WITHSCORES')
    if first[2] then
        late = math.max(late, now - tonumber(first[2]))
    end
end

result[#result + 1] = redis.call('ZCARD', base .. ':resting')

local buried = 0
for _, count in ipairs(redis.call('HVALS', base .. ':buried')) do
    buried = buried + tonumber(count)
end
result[#result + 1] = late
result[#result + 1] = waiting
result[#result + 1] = buried
return result
