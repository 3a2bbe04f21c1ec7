#!lua flags=allow-oom
-- ack: these entries are dealt with. "Delete", "anything left?" and "stand in line or forget" are one step: in two,
-- an event that arrives between them is lost.
--   ARGV  1 customer key, 2 token, 3 bound of the wake list, 4 rest in ms before the next turn, 5... entry ids
--   Returns 1; 0 if the lease is no longer held: nothing was changed.
local rest_ms = assert(tonumber(ARGV[4]), 'ack: no rest') -- before the first write: nothing is rolled back
if not is_held(ARGV[1], ARGV[2]) then
    return 0
end
finish(ARGV[1], ARGV[3], {unpack(ARGV, 5)}, rest_ms)
return 1
