#!lua flags=allow-oom
-- report: Stripe limited us. Halve the rate, but once for all the requests that were refused at the same time.
--   ARGV  1 account, 2 endpoint or "" for the account's bucket, 3 ceiling, 4 pause in ms
--   Returns 1.
local ceiling = tonumber(ARGV[3])
local now = now_ms()
local bucket = bucket_load(bucket_key(ARGV[1], ARGV[2] ~= '' and ARGV[2] or nil), ceiling, now)

if math.abs(now - bucket.cut) >= 1000 then
    bucket.rate = math.min(ceiling, math.max(1, ceiling / 20, bucket.rate / 2))
    bucket.cut = now
end
bucket.tokens = 0
bucket.owed = {webhook = 0, sweep = 0}
bucket.until_ms = math.max(bucket.until_ms, now + tonumber(ARGV[4]))
bucket_save(bucket)
return 1
