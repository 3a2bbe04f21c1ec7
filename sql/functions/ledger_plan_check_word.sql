-- ledger.plan_check_word: what is wrong with a value that is to be one of p_words; NULL: nothing.
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.plan_check_word(p_value jsonb, p_words text[]) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN jsonb_typeof(p_value) <> 'string' OR p_value #>> '{}' <> ALL (p_words)
                THEN format('%s is none of %s', ledger.plan_text(p_value), array_to_string(p_words, ', ')) END
$$;
RESET ROLE;
