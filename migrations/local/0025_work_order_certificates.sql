-- Certificates everybody on a job has to hold; a plan gives it to nobody without them.
ALTER TABLE work_order_plans
    ADD COLUMN certificates TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(certificates));
