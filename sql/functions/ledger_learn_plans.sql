-- ledger.learn_plans: make plan versions of what the metadata of products says; docs/credits.md, "Plans".
--   p_products   ids of products that were read anew
--   Returns      the plans that got a version
--   A version is made when the rules differ from the plan's newest. It holds from product.updated on, a later one not before now.
--   Metadata are not read, and ledger.product.plan_error says why, when anything in them is wrong, when an operator has loaded
--   the plan, and when another product describes it: what is wrong with a product never fails a turn.
--   Locks        plans that get a version, ascending; then the products' rows, which the caller holds
--   Errors       none
SET LOCAL ROLE instep_owner;
CREATE OR REPLACE FUNCTION ledger.learn_plans(p_account text, p_products text[]) RETURNS text[]
    LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    v_changed text[] := '{}';
    v record;
    v_newest ledger.plan_version;
    v_rules jsonb;
    v_error text;
    v_source text;
BEGIN
    FOR v IN
        SELECT d.id, d.name, d.metadata, d.updated_at, d.plan_error, k.plan_key, o.describes
          FROM unnest(p_products) AS i (id)
         CROSS JOIN LATERAL (SELECT * FROM ledger.product AS n WHERE n.account = p_account AND n.id = i.id OFFSET 0) AS d
         CROSS JOIN LATERAL (SELECT CASE WHEN NOT d.deleted THEN ledger.product_plan(d.id, d.metadata) END) AS k (plan_key)
         CROSS JOIN LATERAL (SELECT ledger.describes_plan(d.metadata)) AS o (describes)
         ORDER BY k.plan_key COLLATE "C", d.id COLLATE "C"
    LOOP
        v_error := NULL;
        v_source := ledger.product_source(p_account, v.id);
        IF v.plan_key IS NOT NULL THEN
            PERFORM FROM ledger.plan AS p WHERE p.plan_key = v.plan_key FOR UPDATE;
            SELECT * INTO v_newest FROM ledger.plan_version AS n WHERE n.plan_key = v.plan_key ORDER BY n.version DESC LIMIT 1;
            v_error := ledger.metadata_errors(v.metadata);
            -- A product that only names its plan leaves describing it to others, unless it was itself who did.
            IF v_error IS NULL AND (v.describes OR v_newest.source = v_source) THEN
                v_rules := ledger.plan_rules(ledger.metadata_plan(v.metadata));
                IF v_rules IS NOT DISTINCT FROM ledger.plan_version_rules(v_newest) THEN
                    NULL;
                ELSIF v_newest.source <> v_source AND (NOT starts_with(v_newest.source, 'product ') OR EXISTS (
                    SELECT FROM ledger.product AS n
                     WHERE ledger.product_source(n.account, n.id) = v_newest.source AND NOT n.deleted
                       AND ledger.product_plan(n.id, n.metadata) = v.plan_key AND ledger.describes_plan(n.metadata))) THEN
                    v_error := format('plan %s is as %s says, and differently: this metadata is not read', v.plan_key, v_newest.source);
                ELSE
                    PERFORM ledger.add_plan_version(
                        v.plan_key, v_rules,
                        CASE WHEN v_newest.plan_key IS NULL THEN coalesce(v.updated_at, ledger.clock())
                             ELSE greatest(v.updated_at, ledger.clock()) END, v_source, 'Stripe', v.name);
                    v_changed := v_changed || v.plan_key;
                END IF;
            END IF;
        END IF;
        IF v_error IS DISTINCT FROM v.plan_error THEN
            UPDATE ledger.product AS n SET plan_error = v_error WHERE n.account = p_account AND n.id = v.id;
        END IF;
    END LOOP;
    RETURN v_changed;
END
$$;
RESET ROLE;
