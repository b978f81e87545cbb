-- The first order of the job a work order goes on with: a plan makes one order for each visit to a job. Like
-- an order with a recommendation, one that names it came from a plan, whatever its stored origin says.
ALTER TABLE work_orders ADD COLUMN visit_of TEXT;
CREATE INDEX work_orders_by_visit ON work_orders (tenant_id, visit_of) WHERE visit_of IS NOT NULL;

-- Plans of before noted the orders of the later visits beside their advice.
UPDATE work_orders SET visit_of = (
    SELECT r.work_order_id
    FROM optimization_recommendations r, json_each(r.advice, '$.visit_orders') v
    WHERE r.tenant_id = work_orders.tenant_id AND v.value = work_orders.id
      AND r.work_order_id <> work_orders.id
    ORDER BY r.published_at, r.id LIMIT 1)
WHERE recommendation_id IS NULL AND (tenant_id, id) IN (
    SELECT r.tenant_id, v.value
    FROM optimization_recommendations r, json_each(r.advice, '$.visit_orders') v);
