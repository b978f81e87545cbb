"""DuckDB beside the historian: loads the bench's data set from raw columns, asks the same queries,
prints one JSON object. Usage: duckdb_bench.py FOLDER START SECONDS ROUNDS RAW_FROM RAW_TO"""

import json
import mmap
import os
import statistics
import sys
import time

import duckdb
import pyarrow as pa

folder, start, seconds, rounds, raw_from, raw_to = sys.argv[1], *map(int, sys.argv[2:7])
end = start + seconds * 1000


def column(name, kind):
    with open(os.path.join(folder, name), "rb") as file:
        view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    n = len(view) // (kind.bit_width // 8)
    return pa.Array.from_buffers(kind, n, [None, pa.py_buffer(view)])


table = pa.table({
    "tag": column("tags", pa.uint32()),
    "ts": column("times", pa.int64()),
    "v": column("values", pa.float64()),
    "q": column("statuses", pa.uint32()),
})
path = os.path.join(folder, "duck.db")
db = duckdb.connect(path, config={"threads": 2})
db.execute("CREATE TABLE sample (tag UINTEGER, ts BIGINT, v DOUBLE, q UINTEGER)")
clock = time.perf_counter()
step = 2_000_000
for at in range(0, table.num_rows, step):
    part = table.slice(at, step)
    db.execute("INSERT INTO sample SELECT * FROM part")
db.execute("CHECKPOINT")
load = time.perf_counter() - clock
size = os.path.getsize(path)
clock = time.perf_counter()
sorted_path = os.path.join(folder, "duck-sorted.db")
db.execute(f"ATTACH '{sorted_path}' AS s")
db.execute("CREATE TABLE s.sample AS SELECT * FROM sample ORDER BY tag, ts")
db.execute("CHECKPOINT s")
sort = time.perf_counter() - clock
db.close()
sorted_size = os.path.getsize(sorted_path)
db = duckdb.connect(sorted_path, config={"threads": 2})
queries = {
    "a": "SELECT sum(v), count(*) FROM (SELECT arg_max(v, ts) AS v FROM sample GROUP BY tag)",
    "b": f"SELECT sum(lo + hi + mean), count(*) FROM (SELECT min(v) AS lo, max(v) AS hi, avg(v) AS mean"
         f" FROM sample WHERE tag = 7 AND ts >= {start} AND ts < {end} AND q = 0 GROUP BY ts // 60000)",
    "d": "SELECT sum(mean), count(*) FROM (SELECT avg(v) AS mean FROM sample WHERE q = 0"
         " GROUP BY tag, ts // 3600000)",
}
result = {"version": duckdb.__version__, "rows": table.num_rows, "load_s": load, "bytes": size,
          "sorted_bytes": sorted_size, "sort_s": sort}
for name, sql in queries.items():
    times = []
    for _ in range(rounds):
        clock = time.perf_counter()
        answer = db.execute(sql).fetchone()
        times.append(time.perf_counter() - clock)
    result[name] = {"s": statistics.median(times), "sum": answer[0], "count": answer[1]}
times = []
for _ in range(rounds):
    clock = time.perf_counter()
    raw = db.execute(
        f"SELECT ts, v FROM sample WHERE tag IN (3, 18, 47, 77, 104, 123, 144, 190) AND ts >= {raw_from}"
        f" AND ts < {raw_to} ORDER BY tag, ts").to_arrow_table()
    times.append(time.perf_counter() - clock)
result["c"] = {"s": statistics.median(times), "sum": sum(raw["v"].to_pylist()), "count": raw.num_rows}
print(json.dumps(result))
