#!lua flags=allow-oom
-- ack: these entries are dealt with. "Delete", "anything left?" and "stand in line or forget" are one step: in two,
-- an event that arrives between them is lost.
--   ARGV  1 customer key, 2 token, 3 bound of the wake list, 4... entry ids
--   Returns 1; 0 if the lease is no longer held: nothing was changed.
if not is_held(ARGV[1], ARGV[2]) then
    return 0
end
finish(ARGV[1], ARGV[3], {unpack(ARGV, 4)})
return 1
