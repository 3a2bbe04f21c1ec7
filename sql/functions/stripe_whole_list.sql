-- stripe.whole_list: all members of a list that stands inside an object, as a JSON array.
--   p_object, p_field  where it stands, for the message
--   p_value            {"object": "list", "data": [...], "has_more": false}
--   Errors    IS001 no list, a member that is no object, one that is there twice, or only the first page: a part is no fact
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION stripe.whole_list(p_object jsonb, p_value jsonb, p_field text) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_members jsonb;
BEGIN
    IF jsonb_typeof(p_value) IS DISTINCT FROM 'object' THEN
        PERFORM stripe.unknown_shape(p_object, p_field, p_value);
    END IF;
    IF jsonb_typeof(p_value -> 'data') = 'null' THEN -- a list says none by an empty array
        PERFORM stripe.unknown_shape(p_object, p_field || '.data', p_value -> 'data');
    END IF;
    IF p_value -> 'has_more' IS NOT NULL AND p_value -> 'has_more' <> 'false' THEN
        RAISE EXCEPTION '% %: field % is only its first page', left(coalesce(p_object ->> 'object', 'object'), 60),
            left(coalesce(p_object ->> 'id', '(no id)'), 255), p_field USING ERRCODE = 'IS001';
    END IF;
    v_members := stripe.members(p_object, p_value -> 'data', p_field || '.data');
    IF jsonb_array_length(v_members) > 1 AND EXISTS (
               SELECT FROM jsonb_array_elements(v_members) AS m
                WHERE m.value ? 'id' GROUP BY m.value ->> 'id' HAVING count(*) > 1) THEN
        RAISE EXCEPTION '% %: field % holds an object twice', left(coalesce(p_object ->> 'object', 'object'), 60),
            left(coalesce(p_object ->> 'id', '(no id)'), 255), p_field USING ERRCODE = 'IS001';
    END IF;
    RETURN v_members;
END
$$;
RESET ROLE;
