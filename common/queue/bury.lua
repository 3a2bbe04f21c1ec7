#!lua flags=allow-oom
-- bury: these entries were written down as dead letters; take them off the stream and count the cause.
--   ARGV  1 customer key, 2 token, 3 bound of the wake list, 4 cause, 5... entry ids
--   Returns 1; 0 if the lease is no longer held: nothing was changed.
if not is_held(ARGV[1], ARGV[2]) then
    return 0
end
finish(ARGV[1], ARGV[3], {unpack(ARGV, 5)}, 0)
redis.call('HINCRBY', base .. ':buried', ARGV[4], 1)
return 1
