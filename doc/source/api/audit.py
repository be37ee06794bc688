"""What would fail on the bad night: one line for each problem."""

import sys

import osc_instanceha as instanceha

audit = instanceha.connect().fencing(check=True)
for _event in audit:
    pass
problems = [row for row in audit.results() if row.problem]
for row in problems:
    print(row.host, row.device or '-', row.problem)
sys.exit(bool(problems))
