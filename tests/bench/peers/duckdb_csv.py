"""Reads a CSV file into a table with DuckDB and says what is in it.

Arguments: file, shape (long or wide), threads. Prints one JSON object: seconds, peak growth of memory,
count, sum of the milliseconds since 2025-01-01 and sum of the values in thousandths.
"""
import json
import resource
import sys
import time

import duckdb

path, shape, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


con = duckdb.connect()
con.execute(f"SET threads = {threads}")
quoted = path.replace("'", "''")
before = peak()
start = time.perf_counter()
con.execute(f"CREATE TABLE t AS SELECT * FROM read_csv('{quoted}')")
seconds = time.perf_counter() - start
growth = peak() - before
rows = "t" if shape == "long" else "(UNPIVOT t ON COLUMNS(* EXCLUDE (time)) INTO NAME tag VALUE value)"
count, times, values = con.execute(
    f"""SELECT count(*), sum(epoch_ms(time) - epoch_ms(TIMESTAMP '2025-01-01'))::BIGINT,
               sum(round(value * 1000)::BIGINT)::BIGINT FROM {rows}"""
).fetchone()
print(json.dumps({
    "version": duckdb.__version__, "seconds": seconds, "growth_bytes": growth,
    "count": count, "times": times, "thousandths": values,
}))
