#!lua flags=no-writes,allow-oom
-- measure: the account's bucket and the reads counted.
--   ARGV  1 account, 2 ceiling
--   Returns {tokens in thousandths, rate in thousandths per second, reads today, reads of the last 30 days}
local now = now_ms()
local bucket = bucket_load(bucket_key(ARGV[1]), tonumber(ARGV[2]), now)
local today = math.floor(now / 86400000)
local keys = {}
for day = today, today - 29, -1 do
    keys[#keys + 1] = reads_key(ARGV[1], day)
end
local counts = redis.call('MGET', unpack(keys))
local sum = 0
for i = 1, #keys do
    sum = sum + tonumber(counts[i] or 0)
end
return {math.floor(bucket.tokens * 1000), math.floor(bucket.rate * 1000), tonumber(counts[1] or 0), sum}
