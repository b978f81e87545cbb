"""Another solver on a problem of the optimiser bench.

Arguments: solver (cpsat, highs, cbc), kind (dispatch, selection), file, seconds. Both kinds become the same
rows of binaries; dispatch without the clock of the day, which is easier than what our plans obey. Prints one
JSON object: value (work done, larger is better), bound, seconds, trace of [seconds, value]. Two threads.
"""
import json
import math
import sys
import time

solver, kind, path, limit = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
problem = json.load(open(path))
gains, rows = [], []  # rows: (low or None, high, [(column, factor)])


def column(gain):
    gains.append(gain)
    return len(gains) - 1


def selection():
    cells, budget = {}, []
    limits = {r["id"]: r["max"][0] for r in problem["resources"]}
    for task in problem["tasks"]:
        mine = []
        for option in task["options"]:
            x = column(task["unplanned_cost"] - option["expected_cost"])
            mine.append((x, 1))
            budget.append((x, option["budget_use"]))
            for use in option["uses"]:
                cells.setdefault((use["resource"], option["start"]), []).append((x, use["amounts"][0]))
        rows.append((None, 1, mine))
    for (resource, _), factors in cells.items():
        rows.append((None, limits[resource], factors))
    rows.append((None, problem["budget"], budget))


def dispatch():
    sites = {s: i for i, s in enumerate(problem["sites"])}
    ways = problem["travel_minutes"]
    load, visit, permits = {}, {}, {}
    days = 1 + max(s["from"] // 1440 for t in problem["technicians"] for s in t["shifts"])
    shift = {(t["id"], s["from"] // 1440): s["to"] - s["from"]
             for t in problem["technicians"] for s in t["shifts"]}
    per_hour = problem["weights"]["travel_per_hour"] / 60
    for at, task in enumerate(problem["tasks"]):
        mine, site = [], sites[task["site"]]
        for day in range(task["earliest"] // 1440, days):
            x = column(task["unplanned_cost"])
            mine.append((x, 1))
            permits.setdefault((site, day), []).append((x, 1))
            needs, people = {}, {}
            for need in task["crew"]:
                needs[need["skill"]] = needs.get(need["skill"], 0) + need["count"]
            for skill, count in needs.items():
                row = [(x, -count)]
                for t in problem["technicians"]:
                    if skill in t["skills"] and (t["id"], day) in shift:
                        y = column(0)
                        row.append((y, 1))
                        people.setdefault(t["id"], []).append((y, 1))
                        load.setdefault((t["id"], day), []).append((y, task["minutes"]))
                rows.append((0, 0, row))
            for person, ys in people.items():
                key = (person, day, site)
                if key not in visit:
                    way = ways[0][site] + ways[site][0]
                    visit[key] = column(-per_hour * way)
                    load.setdefault((person, day), []).append((visit[key], way))
                rows.append((None, 0, ys + [(visit[key], -1)]))
        rows.append((None, 1, mine))
    for key, factors in load.items():
        rows.append((None, shift[key], factors))
    for factors in permits.values():
        rows.append((None, problem["permits_per_site_day"], factors))


{"selection": selection, "dispatch": dispatch}[kind]()
trace, answer = [], {}
clock = time.perf_counter()
if solver == "cpsat":
    from ortools.sat.python import cp_model

    scale = 1000
    model = cp_model.CpModel()
    xs = [model.NewBoolVar("") for _ in gains]
    for low, high, factors in rows:
        total = sum(round(f * scale) * xs[x] for x, f in factors)
        model.Add(total == 0) if low is not None else model.Add(total <= round(high * scale))
    model.Maximize(sum(round(g * scale) * x for g, x in zip(gains, xs) if g))

    class Listener(cp_model.CpSolverSolutionCallback):
        def on_solution_callback(self):
            trace.append([time.perf_counter() - clock, self.ObjectiveValue() / scale])

    engine = cp_model.CpSolver()
    engine.parameters.max_time_in_seconds = limit
    engine.parameters.num_workers = 2
    status = engine.Solve(model, Listener())
    found = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    answer = {"value": engine.ObjectiveValue() / scale if found else None,
              "bound": engine.BestObjectiveBound() / scale}
elif solver == "highs":
    import highspy
    import numpy as np

    h = highspy.Highs()
    h.setOptionValue("output_flag", False)
    h.setOptionValue("time_limit", limit)
    h.setOptionValue("threads", 2)
    lp = highspy.HighsLp()
    n, inf = len(gains), highspy.kHighsInf
    lp.num_col_, lp.num_row_ = n, len(rows)
    lp.col_cost_ = np.array(gains)
    lp.col_lower_, lp.col_upper_ = np.zeros(n), np.ones(n)
    lp.row_lower_ = np.array([-inf if low is None else low for low, _, _ in rows], dtype=float)
    lp.row_upper_ = np.array([high for _, high, _ in rows], dtype=float)
    lp.sense_ = highspy.ObjSense.kMaximize
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.cumsum([0] + [len(f) for _, _, f in rows])
    lp.a_matrix_.index_ = np.array([x for _, _, f in rows for x, _ in f])
    lp.a_matrix_.value_ = np.array([v for _, _, f in rows for _, v in f], dtype=float)
    lp.integrality_ = [highspy.HighsVarType.kInteger] * n
    h.passModel(lp)

    def better(event):
        trace.append([time.perf_counter() - clock, event.data_out.objective_function_value])

    h.cbMipImprovingSolution.subscribe(better)
    h.run()
    info = h.getInfo()
    answer = {"value": info.objective_function_value if info.primal_solution_status == 2 else None,
              "bound": info.mip_dual_bound}
else:
    import pulp

    model = pulp.LpProblem("bench", pulp.LpMaximize)
    xs = [pulp.LpVariable(f"x{i}", cat="Binary") for i in range(len(gains))]
    model += pulp.lpSum(g * x for g, x in zip(gains, xs) if g)
    for low, high, factors in rows:
        total = pulp.lpSum(f * xs[x] for x, f in factors)
        model += (total == 0) if low is not None else (total <= high)
    model.solve(pulp.PULP_CBC_CMD(msg=False, timeLimit=limit, threads=2))
    values = [x.value() or 0 for x in xs]
    # CBC hands over the fractional relaxation as if it were a solution.
    whole = all(abs(v - round(v)) < 1e-5 for v in values) and any(v > 0.5 for v in values)
    value = sum(g * v for g, v in zip(gains, values)) if whole else None
    answer = {"value": value, "bound": None}
    if value is not None:
        trace.append([time.perf_counter() - clock, value])
answer["seconds"] = time.perf_counter() - clock
answer["trace"] = trace
# Without a bound or a plan some solvers say infinity, which JSON does not know.
for key in ("value", "bound"):
    if answer[key] is not None and not math.isfinite(answer[key]):
        answer[key] = None
print(json.dumps(answer, allow_nan=False))
