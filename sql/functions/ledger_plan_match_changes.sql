-- ledger.plan_match_changes: how the matches of all accounts differ from what a document of plans lists.
--   p_plans   one that ledger.plan_errors finds nothing wrong with
--   Returns   ref, the plan that it stands for and the one it shall stand for, NULL for none
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.plan_match_changes(p_plans jsonb) RETURNS TABLE (ref text, was text, now text)
    LANGUAGE sql STABLE AS $$
    WITH listed AS (
        SELECT p.key AS plan_key, coalesce(p.value -> 'prices', '[]') || coalesce(p.value -> 'products', '[]') AS refs
          FROM jsonb_each(p_plans -> 'plans') AS p
         WHERE coalesce(p.value -> 'prices', 'null') <> 'null' OR coalesce(p.value -> 'products', 'null') <> 'null'
    ), wanted AS (
        SELECT r.ref, l.plan_key FROM listed AS l CROSS JOIN LATERAL jsonb_array_elements_text(
            CASE WHEN jsonb_typeof(l.refs) = 'array' THEN jsonb_path_query_array(l.refs, '$[*] ? (@ != null)') END) AS r (ref)
    )
    SELECT coalesce(m.ref, w.ref), m.plan_key, w.plan_key
      FROM (SELECT * FROM ledger.plan_match AS a WHERE a.account = '*') AS m
      FULL JOIN wanted AS w ON w.ref = m.ref
     WHERE m.plan_key IS DISTINCT FROM w.plan_key
       AND (w.ref IS NOT NULL OR m.plan_key IN (SELECT l.plan_key FROM listed AS l))
$$;
RESET ROLE;
