#!lua flags=allow-oom
-- renew: extend leases that are still held.
--   ARGV  1 lease in ms, 2... customer key, token, ...
--   Returns 1 or 0 for each pair. A lease that is over but that nobody noticed is still held.
local until_ms = now_ms() + tonumber(ARGV[1])
local kept = {}
for i = 2, #ARGV, 2 do
    local held = is_held(ARGV[i], ARGV[i + 1])
    if held then
        redis.call('ZADD', base .. ':leases', until_ms, ARGV[i])
    end
    kept[#kept + 1] = held and 1 or 0
end
return kept
