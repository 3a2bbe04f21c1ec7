#!lua flags=allow-oom
-- acquire: tokens for requests to one endpoint of one account, in one lane.
--   ARGV  1 account, 2 endpoint, 3 lane, 4 wanted, 5 ceiling of the account, 6 of the endpoint, 7 "1": these are reads
--   Returns {granted, ms until asking again may help (0 when all was granted)}
local account, endpoint, lane, wanted = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local now = now_ms()
local buckets = {
    bucket_load(bucket_key(account), tonumber(ARGV[5]), now),
    bucket_load(bucket_key(account, endpoint), tonumber(ARGV[6]), now),
}

local function available(bucket)
    if now < bucket.until_ms then
        return 0
    end
    local above = bucket.tokens - RESERVE[lane] * bucket.capacity
    local owed = math.min(bucket.tokens, bucket.owed[lane] or 0)
    return math.max(0, math.floor(math.max(above, owed)))
end

-- Until the bucket has one token for this lane.
local function wait_ms(bucket)
    if now < bucket.until_ms then
        return bucket.until_ms - now
    end
    local wait_s = (RESERVE[lane] * bucket.capacity + 1 - bucket.tokens) / bucket.rate
    if SHARE[lane] then
        local owed_s = math.max((1 - bucket.tokens) / bucket.rate,
            (1 - bucket.owed[lane]) / (bucket.rate * SHARE[lane]))
        wait_s = math.min(wait_s, owed_s)
    end
    return wait_s * 1000
end

local granted = math.min(wanted, available(buckets[1]), available(buckets[2]))
local wait = 0
for _, bucket in ipairs(buckets) do
    bucket.tokens = bucket.tokens - granted
    if SHARE[lane] then
        bucket.owed[lane] = math.max(0, bucket.owed[lane] - granted)
    end
    bucket_save(bucket)
    wait = math.max(wait, wait_ms(bucket))
end
if ARGV[7] == '1' and granted > 0 then
    local key = reads_key(account, math.floor(now / 86400000))
    redis.call('INCRBY', key, granted)
    redis.call('EXPIRE', key, 40 * 86400)
end
if granted == wanted then
    return {granted, 0}
end
return {granted, math.min(60000, math.max(1, math.ceil(wait)))}
