-- When an appliance last sent records by a file that somebody carried: what it says by no line is not missed there.
ALTER TABLE appliances ADD COLUMN last_file_at_ms bigint;
