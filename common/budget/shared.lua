-- Token buckets of the Stripe budget. common/budget.h says what they promise; docs/queue.md has the keys.
-- A bucket is a hash: tokens, at (ms, when that was true), rate (per second), cut (ms, when the rate was last lowered),
-- until (ms, nothing is granted before), and what is guaranteed to webhook and to sweep.
local base = KEYS[1]
local RESERVE = {interactive = 0.1, webhook = 0.3, sweep = 0.6} -- part of the capacity that a lane leaves alone
local SHARE = {webhook = 0.2, sweep = 0.05}                     -- part of the rate that always reaches a lane
local TTL_MS = 60000

local function now_ms()
    local time = redis.call('TIME')
    return time[1] * 1000 + time[2] / 1000
end

local function bucket_key(account, endpoint)
    return base .. ':budget:' .. account .. (endpoint and ':' .. endpoint or '')
end

local function reads_key(account, day)
    return base .. ':reads:' .. account .. ':' .. day
end

-- The bucket as it is now. One that is not there is full.
local function bucket_load(key, ceiling, now)
    local h = redis.call('HMGET', key, 'tokens', 'at', 'rate', 'cut', 'until', 'webhook', 'sweep')
    -- Bounded, because a clock that was set back must not stop everything until it has caught up.
    local until_ms = math.min(tonumber(h[5] or 0), now + 60000)
    local bucket = {key = key, now = now, cut = tonumber(h[4] or 0), until_ms = until_ms, owed = {}}
    local elapsed_s = h[2] and math.max(0, now - h[2]) / 1000 or 60
    bucket.rate = math.min(ceiling, tonumber(h[3] or ceiling) + elapsed_s * ceiling / 20)
    bucket.capacity = math.max(3, bucket.rate / 4)
    bucket.tokens = math.min(bucket.capacity, tonumber(h[1] or bucket.capacity) + elapsed_s * bucket.rate)
    for lane, share in pairs(SHARE) do
        local had = tonumber(h[lane == 'webhook' and 6 or 7] or 0)
        bucket.owed[lane] = math.min(math.max(1, bucket.capacity * share), had + elapsed_s * bucket.rate * share)
    end
    return bucket
end

local function bucket_save(bucket)
    redis.call('HSET', bucket.key, 'tokens', bucket.tokens, 'at', bucket.now, 'rate', bucket.rate, 'cut', bucket.cut,
        'until', bucket.until_ms, 'webhook', bucket.owed.webhook, 'sweep', bucket.owed.sweep)
    redis.call('PEXPIRE', bucket.key, math.ceil(TTL_MS + math.max(0, bucket.until_ms - bucket.now)))
end
